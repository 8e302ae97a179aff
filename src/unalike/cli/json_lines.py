"""What a command says, as one JSON object a line: for whoever collects logs.

Each has "time" (ISO 8601, UTC) and "event"; the rest depends on the event. Of sentences for people
the event is "said", of what ends a command "error", with "text".
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Literal

LogFormat = Literal["text", "json"]


def write_event(event: Mapping[str, Any]) -> None:
    """One line on standard error, in ASCII: control characters are written out."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    print(json.dumps({"time": now, **event}, default=str), file=sys.stderr, flush=True)


class JsonLines:
    """In the place of a display: every event of a server as it is, and every sentence."""

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self, event: dict[str, Any]) -> None:
        """An event of the server."""
        write_event(event)

    def say(self, text: str) -> None:
        """A sentence."""
        write_event({"event": "said", "text": text})
