"""A number that only its owner knows, kept in a file that only its owner can read."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path


def read_secret(path: Path) -> int:
    """The secret of this file, drawn by the operating system when it is first asked for."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return int(path.read_text("ascii"))
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(str(secrets.randbits(62) + 1))
    return int(path.read_text("ascii"))


def secret_of_run(secret: int, *run: object) -> int:
    """A secret for one run: with the noise of two runs alike, their difference would have none.

    run: what tells it from the others, such as federation, method and seed.
    """
    text = ":".join(map(str, (secret, *run)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") + 1
