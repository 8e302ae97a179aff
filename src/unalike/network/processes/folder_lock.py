"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from unalike.errors import InputError


@contextlib.contextmanager
def lock_folder(folder: Path, timeout: float = 0.0) -> Iterator[None]:
    """Lock the folder; the system unlocks it when this process ends, however it ends.

    timeout: seconds to wait for another process that has locked it.

    Raises:
        InputError: the other process still runs, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".in-use").open("w")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from None
    with file:
        end = time.monotonic() + timeout
        while not _lock(file):
            if time.monotonic() >= end:
                raise InputError(
                    f"{folder} is in use by another unalike process: end that one, or give another "
                    "folder."
                )
            time.sleep(0.1)
        yield


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
