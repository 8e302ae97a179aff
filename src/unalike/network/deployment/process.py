"""A process that we start, watch and always end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import child_watch as tether

LAST = 20_000
"""Bytes of a log that are read when something has to be explained."""


class Process:
    """A command behind a tether, its output appended to a log file."""

    def __init__(self, name: str, command: Sequence[str], variables: Mapping[str, str], log: Path):
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            self._from = file.tell()
            self._tether = subprocess.Popen(
                [sys.executable, "-I", "-S", tether.__file__, *command],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                env=dict(variables),
                start_new_session=True,
            )

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._tether.poll()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.code is None

    @property
    def pid(self) -> int:
        """Of the tether."""
        return self._tether.pid

    def said(self) -> str:
        """The end of what it has written since it was started."""
        with self.log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(self._from, file.tell() - LAST))
            return file.read().decode("utf-8", "replace")

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or None if it still runs after these seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._tether.wait(seconds)
        return None

    def stop(self) -> None:
        """End it and wait until it is gone."""
        if self._tether.stdin is not None:
            with contextlib.suppress(OSError):
                self._tether.stdin.close()
        if self.wait(tether.PATIENCE + 4) is None:
            self._tether.kill()
            self._tether.wait()


def stop(*processes: Process | None) -> None:
    """End several at once."""
    present = [process for process in processes if process is not None]
    for process in present:
        if process._tether.stdin is not None:
            with contextlib.suppress(OSError):
                process._tether.stdin.close()
    for process in present:
        process.stop()
