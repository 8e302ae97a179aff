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
def alone(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold the folder; the system lets go of it when this process ends, however it ends.

    patience: seconds to wait for another process that holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".in-use").open("w")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from None
    with file:
        end = time.monotonic() + patience
        while not _held(file):
            if time.monotonic() >= end:
                raise InputError(
                    f"{folder} is in use by another unalike process: end that one, or give another "
                    "folder."
                )
            time.sleep(0.1)
        yield


def _held(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
