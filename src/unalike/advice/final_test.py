"""The one look at test data, after the choice: the advised method beside Local and FedAvg."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unalike.core import Problem
from unalike.data.federation import Federation
from unalike.results.comparison import Comparison, gather
from unalike.results.table import aggregates, by_seed
from unalike.study.inputs import UserInputs
from unalike.study.jobs import run_all
from unalike.study.run import RunTask
from unalike.study.settings import Study, read_study
from unalike.study.study_folder import prepare_folder
from unalike.study.training import ProgressCallback, ProgressEvent

from .client_differences import Difference, difference
from .race import Contestant, evaluation_spacing


class Gain(NamedTuple):
    """The advised method against a reference, on the clients' test samples."""

    over: str
    gain: Difference
    clients: dict[str, float]  # mean over seeds

    @property
    def better(self) -> tuple[str, ...]:
        """The clients that do better."""
        return tuple(name for name, value in self.clients.items() if value > 0)

    @property
    def worse(self) -> tuple[str, ...]:
        """The clients that do worse, most of all first."""
        below = {name: value for name, value in self.clients.items() if value < 0}
        return tuple(sorted(below, key=lambda name: below[name]))


class FinalTest(NamedTuple):
    """What the test says."""

    comparison: Comparison
    scores: dict[str, float]  # by method: the main measure, mean over clients and seeds
    gains: tuple[Gain, ...]  # over Local, over FedAvg, where those are not advised themselves
    bytes_ratio: float  # bytes of the advised method by those of FedAvg
    gradients: int  # computed for this


def final_study(study: Study, contestants: list[Contestant]) -> Study:
    """The study of the contestants with these settings: the advised one first."""
    return study.model_copy(
        update={
            "methods": tuple(one.method for one in contestants),
            "settings": {one.method: dict(one.settings) for one in contestants},
            "evaluate_every": evaluation_spacing(study),
        }
    )


def run_final_test(
    study: Study,
    federation: Federation,
    problem: Problem | None,
    advised: str,
    folder: Path,
    *,
    jobs: int | None,
    tell: ProgressCallback,
) -> FinalTest:
    """Train on all that is known, test once; every seed has other starts, but the same clients."""
    plan = folder / "study.toml"
    if plan.exists() and read_study(plan) != study:
        prepare_folder(folder, overwrite=True)
    folder.mkdir(parents=True, exist_ok=True)
    study.write(plan)
    inputs = UserInputs(federation, problem)
    labels = study.labels()
    tasks = [
        RunTask(study, label, seed, folder, inputs)
        for label in labels
        for seed in range(study.seeds)
    ]
    remark = f"test: {', '.join(labels)} on all known samples, {study.seeds} seeds"
    tell(ProgressEvent("", 0, 0, remark=remark, runs=len(tasks)))
    run_all(tasks, jobs, tell)
    comparison = gather(
        study, folder, [federation] * study.seeds, [], {"unalike": version("unalike")}
    )
    return read_final_test(comparison, advised)


def read_final_test(comparison: Comparison, advised: str) -> FinalTest:
    """The gains, and the cost."""
    wide = aggregates(comparison)
    methods = [str(m) for m in wide.index.get_level_values("method").unique()]
    main = comparison.task.main
    mean = f"personalised_{main.name}_mean_best"
    scores = {m: float(by_seed(wide, m, mean).mean()) for m in methods}
    clients = {m: _by_client(comparison, m) for m in methods}
    ours = clients[advised]
    gains = []
    for other in ("local", "fedavg"):
        if other == advised or other not in clients:
            continue
        theirs = clients[other]
        gap = {name: main.gain(ours[name], theirs[name]) for name in ours if name in theirs}
        values = np.array(list(gap.values()))
        gains.append(Gain(other, difference(values, np.zeros(len(values))), gap))
    traffic = by_seed(wide, advised, "bytes_total").mean()
    usual = by_seed(wide, "fedavg", "bytes_total").mean()
    return FinalTest(
        comparison,
        scores,
        tuple(gains),
        float(traffic / usual),
        int(wide["gradient_evaluations"].sum()),
    )


def _by_client(comparison: Comparison, method: str) -> dict[str, float]:
    frame = comparison.frame
    metric = f"personalised_{comparison.task.main.name}_best"
    mine = frame[(frame["method"] == method) & (frame["metric"] == metric)]
    mean = mine[mine["client"] != "all"].groupby("client", sort=False)["value"].mean()
    return {str(name): float(value) for name, value in mean.dropna().items()}
