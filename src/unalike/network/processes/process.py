"""A process that we start, watch and always end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import supervisor

LOG_TAIL = 20_000
"""Bytes of a log that are read when something has to be explained."""


class Process:
    """A command under a supervisor, its output appended to a log file."""

    def __init__(self, name: str, command: Sequence[str], variables: Mapping[str, str], log: Path):
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            self._log_start = file.tell()
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, *command],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                env=dict(variables),
                start_new_session=True,
                umask=0o077,
            )

    @property
    def exit_code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._supervisor.poll()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.exit_code is None

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._supervisor.pid

    def output(self) -> str:
        """The end of what it has written since it was started."""
        with self.log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(self._log_start, file.tell() - LOG_TAIL))
            return file.read().decode("utf-8", "replace")

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or None if it still runs after these seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._supervisor.wait(seconds)
        return None

    def request_stop(self) -> None:
        """Ask its supervisor to end it, and do not wait."""
        if self._supervisor.stdin is not None:
            with contextlib.suppress(OSError):
                self._supervisor.stdin.close()

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self.request_stop()
        if self.wait(supervisor.TERMINATE_SECONDS + 4) is None:
            self._supervisor.kill()
            self._supervisor.wait()


def stop_all(*processes: Process | None) -> None:
    """End several at once."""
    present = [process for process in processes if process is not None]
    for process in present:
        process.request_stop()
    for process in present:
        process.stop()
