"""The study's own process, as the server sees it: it is there before there is a run.

See `study_runner`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from unalike.network.processes.process import Process
from unalike.study.files import write_atomically

from .superlink import SuperLink

COMMAND = (sys.executable, "-m", "unalike.network.deployment.study_runner")


class StudyProcess:
    """Loads `modules` at once, and does one run of this SuperLink once it is told which."""

    def __init__(self, superlink: SuperLink, modules: Sequence[str] = ()) -> None:
        self.log = superlink.log.with_name("study.log")
        self._run_file, self._variables = superlink.home / "run", superlink.variables
        arguments = ["--superlink", str(superlink.address), "--run", str(self._run_file)]
        if superlink.authority is not None:
            arguments += ["--authority", str(superlink.authority)]
        for module in modules:
            arguments += ["--load", module]
        self._command = [*COMMAND, *arguments]
        self.start()

    def __enter__(self) -> StudyProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.running

    def start(self) -> None:
        """Start it, for another run than the last one."""
        self._run_file.unlink(missing_ok=True)
        self.process = Process("study", self._command, self._variables, self.log)

    def begin(self, run: int) -> None:
        """Do this run."""
        write_atomically(self._run_file, str(run).encode())

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self.process.stop()
