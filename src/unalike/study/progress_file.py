"""What runs in other processes, or on other machines, have to say: lines in a file of each run.

A worker writes `progress.jsonl` in the run's own folder and the parent reads on in it, which works
wherever both see the folder. A file `stop` beside it asks the worker to end after its round.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .files import append_line, refusals_as_sentences
from .training import ProgressEvent


class ProgressWriter:
    """The worker's end.

    attempt: names this request for the run, so that nothing of an earlier one is taken for it.
    """

    def __init__(self, run_folder: Path, attempt: str) -> None:
        self._path, self._stop = _progress_path(run_folder), _stop_path(run_folder, attempt)
        before = [entry for entry in _entries(self._path) if "attempt" in entry]
        same = [entry for entry in before if entry["attempt"] == attempt]
        self.starts = len(same) + 1
        """How often the run was begun on this request: more than once where workers died."""
        if not same:
            with refusals_as_sentences(self._path):
                self._path.unlink(missing_ok=True)
                for old in set(run_folder.glob("stop.*")) - {self._stop}:
                    old.unlink(missing_ok=True)
        append_line(self._path, json.dumps({"attempt": attempt}))

    def tell(self, event: ProgressEvent) -> None:
        """Write it down.

        Raises:
            InterruptedError: the parent wants the run to end.
        """
        append_line(self._path, json.dumps(asdict(event)))
        if self._stop.exists():
            for path in (self._path, self._stop):
                path.unlink(missing_ok=True)
            raise InterruptedError("The study was stopped.")


class ProgressReader:
    """The parent's end."""

    def __init__(self, run_folder: Path, attempt: str) -> None:
        self._path, self._stop = _progress_path(run_folder), _stop_path(run_folder, attempt)
        self._attempt, self._read, self._size = attempt, 0, 0
        self.begun = False
        """Whether a worker has begun with the run."""

    def events(self) -> Iterator[ProgressEvent]:
        """What was said since the last call."""
        size = self._path.stat().st_size if self._path.exists() else 0
        if size == self._size:
            return
        self._size = size
        entries = _entries(self._path)
        if not entries or entries[0].get("attempt") != self._attempt:
            return
        self.begun = True
        entries, self._read = entries[self._read :], len(entries)
        for entry in entries:
            if "attempt" not in entry:
                yield ProgressEvent(**entry)

    def stop(self) -> None:
        """Ask the worker to end, if one has begun."""
        if self.begun:
            with contextlib.suppress(OSError):
                self._stop.touch()

    def remove(self) -> None:
        """Leave no trace of it."""
        for path in (self._path, self._stop):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _entries(path: Path) -> list[dict[str, Any]]:
    """The whole lines of the file; nothing of one that is missing."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]


def _progress_path(run_folder: Path) -> Path:
    return run_folder / "progress.jsonl"


def _stop_path(run_folder: Path, attempt: str) -> Path:
    return run_folder / f"stop.{attempt}"
