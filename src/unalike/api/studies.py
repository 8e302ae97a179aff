"""A study in its folder: what is known of it, what is left to do, what came out."""

from __future__ import annotations

import platform
import shlex
import sys
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from unalike.core.buffers import with_buffers
from unalike.data.feature_scale import scale_warning
from unalike.data.federation import Federation
from unalike.data.preprocessing.preprocessing import preprocessing_sentences
from unalike.engines.machine import cores
from unalike.errors import InputError
from unalike.report.comparison_page import write_report
from unalike.results.comparison import Comparison, gather, read_environment, write_summary
from unalike.results.hostile_clients import hostile_remarks
from unalike.results.table import as_frame
from unalike.robust import rule_written
from unalike.study.inputs import UserInputs, federation_for, problem_for
from unalike.study.jobs import ProgressCallback, run_all
from unalike.study.roster import read_sites
from unalike.study.run import RunTask
from unalike.study.settings import Study, read_study
from unalike.study.store import RunStore
from unalike.study.training import ProgressEvent, finished


@dataclass(frozen=True)
class Result(Comparison):
    """A comparison that can be printed and written."""

    def table(self) -> pd.DataFrame:
        """One row per method, the best first."""
        return as_frame(self)

    def report(self, path: str | Path) -> Path:
        """Write the report: one self-contained HTML file."""
        return write_report(self, Path(path))


def open_study(folder: str | Path) -> Study:
    """The study that a folder holds."""
    path = Path(folder) / "study.toml"
    if not path.exists():
        raise InputError(f"{folder} holds no study (there is no {path}).")
    return read_study(path)


def unfinished(study: Study, folder: Path) -> list[tuple[str, int]]:
    """The runs (method, seed) that are not done."""
    left = []
    for label in study.labels():
        for seed in range(study.seeds):
            records = RunStore(folder / "runs" / label / f"seed-{seed}").records()
            if not records or not finished(records, study):
                left.append((label, seed))
    return left


def read_result(folder: str | Path, inputs: UserInputs = UserInputs()) -> Result:  # noqa: B008
    """The comparison as far as it has come, without training anything."""
    study, inputs = open_study(folder), with_remote_clients(Path(folder), inputs)
    remarks = [
        f"{label}, seed {seed}: not finished." for label, seed in unfinished(study, Path(folder))
    ]
    return _gather(
        study,
        Path(folder),
        federations_of(study, inputs),
        remarks + setting_remarks(study, inputs),
        read_environment(Path(folder)),
    )


def _gather(*parts: Any) -> Result:
    comparison = gather(*parts)
    return Result(**{field.name: getattr(comparison, field.name) for field in fields(comparison)})


def environment() -> dict[str, str]:
    """Versions and machine."""
    return {
        "unalike": version("unalike"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "platform": platform.platform(),
        "cores": str(cores()),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def federations_of(study: Study, inputs: UserInputs) -> list[Federation]:
    """Who holds what, for each seed."""
    return [federation_for(study, inputs, seed) for seed in range(study.seeds)]


def with_remote_clients(folder: Path, inputs: UserInputs) -> UserInputs:
    """What is known of samples on other machines, where the study was done over a network."""
    roster = read_sites(folder)
    if roster is None or roster.dealt or inputs.federation is not None:
        return inputs
    return UserInputs(roster.federation(), inputs.problem)


def setting_remarks(study: Study, inputs: UserInputs) -> list[str]:
    """What a reader must know of these settings."""
    federation = federation_for(study, inputs, 0)
    problem = problem_for(study, federation, inputs)
    remarks = [
        *federation.notes,
        *preprocessing_sentences(federation.preprocessing),
        *federation.skews,
    ]
    remarks += [warning] if (warning := scale_warning(federation)) is not None else []
    remarks += [f"model: {problem.describe()}."] if problem.batch_norm_layers else []
    remarks += problem.fit.remarks()
    remarks += [study.privacy.sentence()] if study.privacy is not None else []
    if study.robust is not None:
        remarks.append(
            f"robust = {rule_written(study.robust)!r}: the server {study.robust.meaning}."
        )
    if study.attack is not None:
        remarks += hostile_remarks(study.attack, federations_of(study, inputs))
    for label in study.labels():
        method = with_buffers(study.method(label), problem)
        lines = (method.vacuous(problem), method.describe(problem))
        remarks += [f"{label}: {line}" for line in lines if line is not None]
    return remarks


def finish_study(
    study: Study,
    folder: Path,
    inputs: UserInputs,
    federations: list[Federation],
    jobs: int,
    tell: ProgressCallback,
) -> Result:
    """Do what is left, then gather everything and write the summary and the report."""
    said: list[str] = []

    def listen(progress: ProgressEvent) -> None:
        if progress.remark:
            said.append(f"{progress.label}, seed {progress.seed}: {progress.remark}")
        tell(progress)

    left = unfinished(study, folder)
    free = max(1, cores() // max(1, min(jobs, len(left))))
    tasks = [RunTask(study, label, seed, folder, inputs, free) for label, seed in left]
    tell(ProgressEvent("", 0, 0, runs=len(tasks)))
    run_all(tasks, jobs, listen)
    remarks = [*setting_remarks(study, inputs), *said]
    comparison = _gather(study, folder, federations, remarks, read_environment(folder))
    write_summary(comparison, folder / "summary.csv")
    comparison.report(folder / "report.html")
    return comparison
