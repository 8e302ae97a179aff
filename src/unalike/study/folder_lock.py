"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from unalike.errors import InputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = ".in-use"
"""The file that is locked; it stays when the lock is gone."""

_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class FolderInUseError(InputError):
    """Another process works in the folder."""


@contextlib.contextmanager
def lock_folder(folder: Path, timeout: float = 0.0) -> Iterator[None]:
    """Lock the folder; the system unlocks it when this process ends, however it ends.

    A file system without locks locks nothing.

    timeout: seconds to wait for another process that has locked it.

    Raises:
        FolderInUseError: the other process still runs.
        InputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from None
    with file:
        end = time.monotonic() + timeout
        while not _lock(file):
            if time.monotonic() >= end:
                raise FolderInUseError(
                    f"{folder} is in use by another unalike process: end that one, or give another "
                    "folder."
                )
            time.sleep(0.1)
        yield


def _lock(file: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _NO_LOCKS_HERE
    return True
