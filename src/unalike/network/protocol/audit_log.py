"""What an end of a federation has sent and received: a line for each message, only ever added.

    {"time": "2026-01-31T12:00:00.000+00:00", "way": "out", "peer": "server", "verb": "train",
     "bytes": 31415, "sha256": "...", "previous": "..."}

`sha256` is that of the message as it travels, so that the logs of both ends can be laid side by
side. `previous` is that of the line before: a line that is changed or taken out shows.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from .frames import Frames

FILE = "audit.jsonl"


class AuditLog:
    """The log in a private folder; it goes on where it ended."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        self._previous = hashlib.sha256(lines[-1]).hexdigest() if lines else ""
        self.sent = sum(_bytes_sent(line) for line in lines)
        """Bytes of all messages that went out."""

    def write(self, way: Literal["in", "out"], peer: str, verb: str, frames: Frames) -> None:
        """Add a message; peer: whom it came from or went to."""
        head = frames.head.encode()
        digest = hashlib.sha256(head)
        digest.update(frames.body)
        line = json.dumps(
            {
                "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
                "way": way,
                "peer": peer,
                "verb": verb,
                "bytes": len(head) + len(frames.body),
                "sha256": digest.hexdigest(),
                "previous": self._previous,
            }
        ).encode()
        with open(self.path, "ab", opener=_owner_only) as file:
            file.write(line + b"\n")
        self._previous = hashlib.sha256(line).hexdigest()
        self.sent += _bytes_sent(line)


def broken_line(path: Path) -> int | None:
    """The first line (from 1) that does not follow the one before; None where all do."""
    previous = ""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            follows = json.loads(line)["previous"] == previous
        except (ValueError, KeyError, TypeError):
            follows = False
        if not follows:
            return number
        previous = hashlib.sha256(line).hexdigest()
    return None


def _bytes_sent(line: bytes) -> int:
    try:
        message = json.loads(line)
        return int(message["bytes"]) if message["way"] == "out" else 0
    except (ValueError, KeyError, TypeError):  # a line cut short by a crash
        return 0


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
