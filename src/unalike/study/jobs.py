"""Runs, one after the other in this process or several at once through joblib.

Runs never touch each other's files, so how many there are at once, and where, changes no result.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import cloudpickle
import joblib

from unalike.errors import WorkerError

from .backends import Workers, workers
from .data_files import source_named
from .files import write_atomically
from .folder_lock import FolderInUseError
from .inputs import UserInputs
from .progress_file import ProgressReader
from .run import RunTask, run
from .settings import Study
from .training import ProgressCallback, ProgressEvent
from .worker import Origin, Packed, Request, digest, do, pack

Parcel = tuple[str, Packed | Path]
"""What a user brought along: its name, and where it is."""

POLL_SECONDS = 0.1
"""Between two looks at what runs say."""


def run_all(tasks: Sequence[RunTask], jobs: int | None, tell: ProgressCallback) -> None:
    """Do all tasks; `tell` is called in this process after every round.

    jobs: at the same time; what `joblib.parallel_config` says if not given, else one.

    Raises:
        WorkerError: processes died of some runs; the others are done.
    """
    with workers(None, jobs) as found:
        for task in tasks:
            found.require_apart(task.study)
        tasks = [replace(task, cores=found.cores(len(tasks))) for task in tasks]
        if found.count <= 1 or (len(tasks) <= 1 and not found.remote):
            for task in tasks:
                _run_here(task, tell)
        else:
            _Pool(found, tell).run(tasks)


def _run_here(task: RunTask, tell: ProgressCallback) -> None:
    try:
        with task.store.locked():
            run(task, tell)
    except FolderInUseError:
        tell(_left_to_others(task))


def _left_to_others(task: RunTask) -> ProgressEvent:
    remark = "another process is doing this run, and it is left to it."
    return ProgressEvent(task.label, task.seed, 0, remark=remark)


class _Pool:
    """Runs in workers. Where one dies, all that were under way are done again, each alone."""

    def __init__(self, found: Workers, tell: ProgressCallback) -> None:
        self._workers, self._tell = found, tell
        self._packed: dict[int, Parcel] = {}

    def run(self, tasks: list[RunTask]) -> None:
        """Do them all.

        Raises:
            WorkerError: processes died of some; the others are done.
        """
        try:
            for task in tasks:
                if id(task.inputs) not in self._packed:
                    self._packed[id(task.inputs)] = self._pack(task)
            self._do_all(tasks)
        finally:
            for _, packed in self._packed.values():
                if isinstance(packed, Path):
                    packed.unlink(missing_ok=True)

    def _pack(self, task: RunTask) -> Parcel:
        """What the user brought along: in a file of the study where machines share its folder."""
        packed = pack(task.inputs)
        name = digest(packed.tobytes())
        if not self._workers.remote:
            return name, packed
        path = task.folder.absolute() / f"inputs-{uuid.uuid4().hex}.pickle"
        write_atomically(path, packed.tobytes())
        return name, path

    def _do_all(self, tasks: list[RunTask]) -> None:
        left, deaths = tasks, list[str]()
        while left:
            left, suspects = self._together(left)
            for task in suspects:
                deaths += self._alone(task)
        if deaths:
            raise WorkerError(
                f"{' '.join(deaths)} The other runs are done. What these had done is kept: go on "
                f"with 'unalike resume {tasks[0].study_folder}'."
            )

    def _together(self, tasks: list[RunTask]) -> tuple[list[RunTask], list[RunTask]]:
        """Do runs side by side: what is left to begin, and what was under way, at a death."""
        batch = _Batch(tasks, self._packed, self._tell)
        try:
            batch.run(self._workers)
        except BrokenProcessPool as error:
            under_way = batch.under_way()
            if not under_way:
                raise WorkerError(
                    f"A worker process ended before any run had begun{_exit_code(error)}."
                ) from None
            names = ", ".join(task.title for task in under_way)
            remark = f"a worker process ended{_exit_code(error)}; done again, each alone: {names}."
            self._tell(ProgressEvent("", 0, 0, remark=remark))
            return batch.not_begun(), under_way
        return [], []

    def _alone(self, task: RunTask) -> list[str]:
        """Do a run with no other beside it; a sentence if its worker dies again."""
        try:
            batch = _Batch([task], self._packed, self._tell)
            batch.run(replace(self._workers, count=2))  # 1 would be this process
        except BrokenProcessPool as error:
            return [f"The process that did {task.title} died twice{_exit_code(error)}."]
        return []


class _Batch:
    """Runs that are given to joblib at once."""

    def __init__(
        self,
        tasks: list[RunTask],
        packed: dict[int, Parcel],
        tell: ProgressCallback,
    ) -> None:
        self._tasks, self._packed, self._tell = tasks, packed, tell
        self._attempt = uuid.uuid4().hex
        self._readers = [ProgressReader(task.run_folder, self._attempt) for task in tasks]
        self._done: set[int] = set()
        self._over, self._saying = threading.Event(), threading.Lock()
        self._error: BaseException | None = None

    def run(self, found: Workers) -> None:
        """Do them all, or stop them all."""
        listener = threading.Thread(target=self._listen, name="progress", daemon=True)
        listener.start()
        try:
            parallel = joblib.Parallel(
                n_jobs=found.count,
                return_as="generator_unordered",
                batch_size=1,
                pre_dispatch="n_jobs",
            )
            with contextlib.closing(parallel(self._calls())) as results:
                for number, done in results:
                    self._done.add(number)
                    if not done:
                        self._say(_left_to_others(self._tasks[number]))
        except BaseException:
            self._end(listener)
            for reader in self._readers:
                if found.mortal:
                    reader.remove()
                else:
                    reader.stop()
            if self._error is not None:
                raise self._error from None
            raise
        self._end(listener)
        for reader in self._readers:
            reader.remove()
        if self._error is not None:
            raise self._error

    def under_way(self) -> list[RunTask]:
        """Runs that were begun and are not done."""
        return [self._tasks[k] for k in self._not_done() if self._readers[k].begun]

    def not_begun(self) -> list[RunTask]:
        """Runs that no worker had taken."""
        return [self._tasks[k] for k in self._not_done() if not self._readers[k].begun]

    def _not_done(self) -> Iterable[int]:
        return (k for k in range(len(self._tasks)) if k not in self._done)

    def _calls(self) -> Iterable[object]:
        origin = Origin.here()
        for number, task in enumerate(self._tasks):
            name, packed = self._packed[id(task.inputs)]
            bare = replace(
                task,
                study=_with_absolute_paths(task.study),
                folder=task.folder.absolute(),
                inputs=UserInputs(),
            )
            request = Request(cloudpickle.dumps(bare), name, self._attempt, origin)
            yield joblib.delayed(_do_numbered)(number, request, packed)

    def _listen(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            self._forward()

    def _end(self, listener: threading.Thread) -> None:
        self._over.set()
        listener.join()
        self._forward()

    def _forward(self) -> None:
        """Pass on what runs said; where that fails, they are asked to end."""
        for reader in self._readers:
            for event in reader.events():
                self._say(event)
            if self._error is not None:
                reader.stop()

    def _say(self, event: ProgressEvent) -> None:
        with self._saying:
            if self._error is None:
                try:
                    self._tell(event)
                except BaseException as error:
                    self._error = error


def _do_numbered(number: int, request: Request, packed: Packed | Path) -> tuple[int, bool]:
    return number, do(request, packed)


def _with_absolute_paths(study: Study) -> Study:
    """The study for a worker whose current folder is another."""
    paths = {} if study.data_dir is None else {"data_dir": study.data_dir}
    if study.data != "own" and source_named(study.data) is None:
        paths["data"] = study.data
    return study.model_copy(update={name: os.path.abspath(path) for name, path in paths.items()})


def _exit_code(error: BaseException) -> str:
    """What loky says of how processes ended, as in " (SIGKILL(-9))"."""
    found = re.search(r"exit codes? of the workers? (?:are|is) \{([^}]*)\}", str(error))
    return f" ({found[1]})" if found else ""
