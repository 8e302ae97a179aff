"""Comparing methods: all runs of a study, one after the other or several at once."""

from __future__ import annotations

import json
import platform
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from unalike.core import Problem
from unalike.core.buffers import with_buffers
from unalike.core.model_check import check_model
from unalike.data.federation import Federation
from unalike.diagnosis import Diagnosis, Samples
from unalike.diagnosis import diagnose as examine
from unalike.diagnosis.summaries import Summaries, diagnose_summaries
from unalike.engines.machine import cores
from unalike.engines.memory import require_memory
from unalike.errors import InputError
from unalike.privacy import need_library, with_privacy
from unalike.report.comparison_page import write
from unalike.report.diagnosis_page import write_diagnosis, write_page
from unalike.results.comparison import Comparison, gather, read_environment, write_summary
from unalike.results.table import as_frame
from unalike.study.clients import clients_of
from unalike.study.jobs import Tell, run_all
from unalike.study.run import (
    Own,
    Progress,
    Task,
    clients_for,
    dealt,
    finished,
    memory_of,
    problem_for,
    problem_of,
)
from unalike.study.settings import BASELINES, Study, make_study, read_study
from unalike.study.sites import read_sites
from unalike.study.store import RunStore, prepare_folder, write_atomically
from unalike.study.stream import check_memory_of_samples, timed
from unalike.study.truth_table import write_truth


@dataclass(frozen=True)
class Result(Comparison):
    """A comparison that can be printed and written."""

    def table(self) -> pd.DataFrame:
        """One row per method, the best first."""
        return as_frame(self)

    def report(self, path: str | Path) -> Path:
        """Write the report: one self-contained HTML file."""
        return write(self, Path(path))


def compare(
    data: str | Federation = "digits",
    *,
    model: str | nn.Module | Problem = "auto",
    loss: Any = None,
    methods: str | Sequence[str] = "all",
    out: str | Path | None = None,
    overwrite: bool = False,
    jobs: int = 1,
    tell: Tell = lambda _: None,
    **settings: Any,
) -> Result:
    """Train methods side by side on one federation and say who wins and who loses.

        >>> result = compare("digits", methods="fedavg,fedprox", rounds=5, seeds=1)
        >>> result.frame.columns.tolist()
        ['method', 'seed', 'client', 'metric', 'value']

    Args:
        data: the name of a data set, or your own `Federation` (the same one for every seed).
        model: the name of a network, a `torch.nn.Module`, or a `Problem`.
        loss: of a module; cross-entropy, or its binary form for many labels, if not given.
        methods: names, as a list or separated by commas; "all" for every one.
        out: folder of the study, kept for `resume`; a temporary one if not given.
        overwrite: replace a study that `out` already holds.
        jobs: runs at the same time, each in a process of its own.
        tell: called after every round of every run.
        settings: any other field of `Study`, such as rounds=50, seeds=3 or skew=["rotation"];
            hyper-parameters as settings={"fedprox": {"mu": 1.0}}.

    Raises:
        InputError: one sentence says what to change.
    """
    names = methods if isinstance(methods, str) else tuple(methods)
    values = {"methods": names, **settings}
    values["data"] = data if isinstance(data, str) else "own"
    values["model"] = model if isinstance(model, str) else "own"
    study = make_study(values)
    federation = None if isinstance(data, str) else data
    problem = model if isinstance(model, Problem) else None
    if isinstance(model, nn.Module):
        some = federation or dealt(study, 0)
        problem = problem_of(model, some, study, loss)
    own = Own(federation, problem)
    if out is None:
        with tempfile.TemporaryDirectory(prefix="unalike-") as folder:
            return start(study, Path(folder), own=own, jobs=jobs, tell=tell)
    return start(study, Path(out), own=own, overwrite=overwrite, jobs=jobs, tell=tell)


@dataclass(frozen=True, eq=False)
class DiagnosisResult(Diagnosis):
    """A diagnosis that can be printed and written."""

    data: str  # what was looked at

    def report(self, path: str | Path) -> Path:
        """Write the report: one self-contained HTML file."""
        return write_page(self, Path(path), self.data)


def diagnose(
    data: str | Path | Federation | Samples | tuple[Any, ...] = "digits",
    *,
    client_column: str | None = None,
    label_column: str | None = None,
    time_column: str | None = None,
    label: int | None = None,
    shuffles: int = 200,
    level: float = 0.05,
    seed: int = 0,
    optimise: bool = True,
    out: str | Path | None = None,
    **settings: Any,
) -> DiagnosisResult:
    """Say how unlike clients are, in which way, and whether that is more than chance.

        >>> result = diagnose("digits", alpha=0.1, clients=5, optimise=False)
        >>> result.found
        ('label', 'quantity')
        >>> result.table().columns.tolist()[:4]
        ['kind', 'measure', 'value', 'chance']

    Args:
        data: the name of a data set, your own .npz, .csv or .parquet file or folder of pictures,
            a `Federation`, or arrays (x, y, client) or (x, y, client, time).
        client_column: of your own file, the column that names the client; "client" if not given.
        label_column: of your own file, the column of classes; "y" if not given.
        time_column: of your own file, when each sample was taken.
        label: where a sample can have many labels, the number of the one to look at.
        shuffles: how many times membership is shuffled for each kind of skew.
        level: how often at most chance alone may raise any alarm.
        seed: decides the deal, the shuffles, projections and folds.
        optimise: whether to measure what the clients do to optimisation, which takes longest.
        out: folder for diagnosis.json and diagnosis.html; nothing is written if not given.
        settings: of a named data set, how it is dealt: any field of `Study`, such as alpha=0.1.

    Raises:
        InputError: one sentence says what to change.
    """
    columns = {
        "client_column": client_column,
        "label_column": label_column,
        "time_column": time_column,
    }
    held: Any = data
    if isinstance(data, (str, Path)):
        given = {key: value for key, value in columns.items() if value is not None}
        held = clients_of(str(data), seed=seed, columns=given, settings=settings)
    elif settings or any(columns.values()):
        option = next(iter([*settings, *(key for key in columns if columns[key])]))
        raise InputError(f"{option} is for named data sets and files, not for data from Python.")
    found = examine(held, label=label, shuffles=shuffles, level=level, seed=seed, optimise=optimise)
    name = Path(data).name if isinstance(data, (str, Path)) else "own data"
    return _diagnosed(found, name, out)


def diagnose_told(
    told: Summaries,
    *,
    data: str = "told by clients",
    shuffles: int = 200,
    level: float = 0.05,
    seed: int = 0,
    out: str | Path | None = None,
) -> DiagnosisResult:
    """The same from what clients told of samples that stay with them.

    Raises:
        InputError: one sentence says what to change.
    """
    found = diagnose_summaries(told, shuffles=shuffles, level=level, seed=seed)
    return _diagnosed(found, data, out)


def _diagnosed(found: Diagnosis, name: str, out: str | Path | None) -> DiagnosisResult:
    parts = {field.name: getattr(found, field.name) for field in fields(found)}
    result = DiagnosisResult(**parts, data=name)
    if out is not None:
        write_diagnosis(result, Path(out), name)
    return result


def start(
    study: Study,
    folder: Path,
    *,
    own: Own = Own(),  # noqa: B008
    overwrite: bool = False,
    jobs: int = 1,
    tell: Tell = lambda _: None,
) -> Result:
    """Run a new study into this folder."""
    federations = _federations(study, own)
    study = suited(study, federations[0], own, tell)
    prepare_folder(folder, overwrite=overwrite)
    study.write(folder / "study.toml")
    write_atomically(folder / "environment.json", json.dumps(environment(), indent=2).encode())
    write_truth(federations, folder / "truth.csv")
    return _finish(study, folder, own, federations, jobs, tell)


def resume(
    folder: str | Path,
    *,
    data: Federation | None = None,
    model: nn.Module | Problem | None = None,
    loss: Any = None,
    jobs: int = 1,
    tell: Tell = lambda _: None,
) -> Result:
    """Continue a study where it stopped; a finished one is only read.

    A study of your own federation or model needs them again, as `data` and `model`.
    """
    study = open_study(folder)
    remote = read_sites(Path(folder)) is not None
    if remote and unfinished(study, Path(folder)):
        raise InputError(
            f"The sites of the study in {folder} are on other machines: continue it with "
            f"'unalike serve {folder}'."
        )
    own_data = study.data == "own" and not remote
    if (own_data and data is None) or (study.model == "own" and model is None):
        raise InputError(
            f"The study in {folder} used data or a model given from Python: continue it there "
            "with unalike.resume(folder, data=..., model=...)."
        )
    problem = model if isinstance(model, Problem) else None
    if isinstance(model, nn.Module):
        problem = problem_of(model, data or dealt(study, 0), study, loss)
    own = _elsewhere(Path(folder), Own(data, problem))
    return _finish(study, Path(folder), own, _federations(study, own), jobs, tell)


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


def read_result(folder: str | Path, own: Own = Own()) -> Result:  # noqa: B008
    """The comparison as far as it has come, without training anything."""
    study, own = open_study(folder), _elsewhere(Path(folder), own)
    remarks = [
        f"{label}, seed {seed}: not finished." for label, seed in unfinished(study, Path(folder))
    ]
    return _gathered(
        study,
        Path(folder),
        _federations(study, own),
        remarks + _said_before(study, own),
        read_environment(Path(folder)),
    )


def _gathered(*parts: Any) -> Result:
    comparison = gather(*parts)
    return Result(**{field.name: getattr(comparison, field.name) for field in fields(comparison)})


def suited(study: Study, federation: Federation, own: Own, tell: Tell) -> Study:
    """Refuse what cannot work before anything is written; "all" leaves such methods out, aloud."""
    problem = problem_for(study, federation, own)
    check_model(problem, federation.x[:2], federation.classes)
    study = timed(study, federation)
    if study.classes is not None:
        raise InputError(
            "classes are named for sites of a federation ('unalike serve'), whose samples are "
            "elsewhere: leave them out."
        )
    if study.privacy is not None:
        need_library()
    kept = []
    for label in study.labels():
        try:
            method = with_privacy(study.method(label), study.privacy, problem)
            method = with_buffers(method, problem)
            check_memory_of_samples(method, problem, federation)
            needed = memory_of(study, label, federation, problem)
            require_memory(needed, f"{label} on {federation.clients:,} clients")
        except InputError as error:
            if "all" not in study.methods or label in study.methods:
                raise
            tell(Progress("", 0, 0, remark=f"{label} is left out: {error}"))
            continue
        kept.append(label)
    added = [] if "all" in study.methods else set(BASELINES) - set(study.methods)
    for label in sorted(added):
        tell(Progress("", 0, 0, remark=f"{label} is run as well: harm is measured against it."))
    study = study.model_copy(update={"methods": tuple(kept)})
    for remark in _said_before(study, own):
        tell(Progress("", 0, 0, remark=remark))
    return study


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


def _federations(study: Study, own: Own) -> list[Federation]:
    """Who holds what, for each seed."""
    return [clients_for(study, own, seed) for seed in range(study.seeds)]


def _elsewhere(folder: Path, own: Own) -> Own:
    """What is known of samples on other machines, where the study was done over a network."""
    roster = read_sites(folder)
    if roster is None or roster.dealt or own.federation is not None:
        return own
    return Own(roster.federation(), own.problem)


def _said_before(study: Study, own: Own) -> list[str]:
    """What a reader must know of these settings."""
    federation = clients_for(study, own, 0)
    problem = problem_for(study, federation, own)
    remarks = list(federation.skews)
    remarks += [f"model: {problem.describe()}."] if problem.batch_norm_layers else []
    remarks += [study.privacy.sentence()] if study.privacy is not None else []
    for label in study.labels():
        method = with_buffers(study.method(label), problem)
        lines = (method.vacuous(problem), method.describe(problem))
        remarks += [f"{label}: {line}" for line in lines if line is not None]
    return remarks


def _finish(
    study: Study,
    folder: Path,
    own: Own,
    federations: list[Federation],
    jobs: int,
    tell: Tell,
) -> Result:
    """Do what is left, then gather everything and write the summary and the report."""
    said: list[str] = []

    def listen(progress: Progress) -> None:
        if progress.remark:
            said.append(f"{progress.label}, seed {progress.seed}: {progress.remark}")
        tell(progress)

    left = unfinished(study, folder)
    free = max(1, cores() // max(1, min(jobs, len(left))))
    tasks = [Task(study, label, seed, folder, own, free) for label, seed in left]
    tell(Progress("", 0, 0, runs=len(tasks)))
    run_all(tasks, jobs, listen)
    remarks = [*_said_before(study, own), *said]
    comparison = _gathered(study, folder, federations, remarks, read_environment(folder))
    write_summary(comparison, folder / "summary.csv")
    comparison.report(folder / "report.html")
    return comparison
