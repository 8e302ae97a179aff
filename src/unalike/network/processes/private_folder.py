"""Folders that only their owner may look into: databases, states and logs of a federation."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

OWNER_ONLY = stat.S_IRWXU


def make_private_folder(folder: Path) -> None:
    """Make the folder where it is not there; whose it is, nobody else reads in it from now on."""
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != OWNER_ONLY:
        with contextlib.suppress(PermissionError):  # a folder of somebody else's
            folder.chmod(OWNER_ONLY)
