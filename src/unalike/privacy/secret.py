"""A number that only its owner knows, kept in a file that only its owner can read."""

from __future__ import annotations

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
