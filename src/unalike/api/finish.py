"""Doing what is left of a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from unalike.data.federation import Federation
from unalike.errors import InputError
from unalike.study.extensions import require_plugins
from unalike.study.files import UnwritableError
from unalike.study.folder_lock import lock_folder
from unalike.study.inputs import UserInputs
from unalike.study.jobs import run_all
from unalike.study.run import RunTask
from unalike.study.settings import Study
from unalike.study.shard import WHOLE, Shard
from unalike.study.study_folder import LOCK_SECONDS
from unalike.study.training import ProgressCallback, ProgressEvent
from unalike.study.tuning import tuned

from .studies import in_order, unfinished

if TYPE_CHECKING:
    from .result import Result


def finish_study(
    study: Study,
    folder: Path,
    inputs: UserInputs,
    federations: list[Federation],
    tell: ProgressCallback,
    *,
    jobs: int | None = None,
    shard: Shard = WHOLE,
) -> Result:
    """Do what is left of this part, then gather all that is there in the summary and the report.

    A study that is to be tuned is tuned first.

    Raises:
        InputError: a file cannot be written; what is done is kept.
        WorkerError: processes died of some runs; the others are done.
    """
    said: list[str] = []
    if study.tuning is not None and not study.tuning.done:
        require_plugins(study)
        study = tuned(study, folder, inputs, federations[0], tell, jobs)

    def listen(progress: ProgressEvent) -> None:
        if progress.remark and not progress.recorded:
            said.append(f"{progress.label}, seed {progress.seed}: {progress.remark}")
        tell(progress)

    left = unfinished(study, folder, shard)
    if left:
        require_plugins(study)
    tasks = [RunTask(study, label, seed, folder, inputs) for label, seed in in_order(left)]
    tell(ProgressEvent("", 0, 0, runs=len(tasks)))
    try:
        run_all(tasks, jobs, listen)
        # Tables and figures take half a second to load: not before the first round.
        from unalike.results.summary import write_summary

        from .result import gathered

        with lock_folder(folder, LOCK_SECONDS):
            comparison = gathered(study, folder, inputs, federations, said)
            write_summary(comparison, folder / "summary.csv")
            comparison.report(folder / "report.html")
    except UnwritableError as error:
        raise InputError(
            f"{error} What is done is kept: make room, or make it writable, and go on with "
            f"'unalike resume {folder}'."
        ) from None
    return comparison
