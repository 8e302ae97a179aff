"""The race: every contestant trains on the same folds, from the same starts, in the same order.

Nothing here has ever been given a test sample: see `folds`. Every run is kept on disk, so that an
interrupted race goes on where it was, to the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unalike.core import Problem
from unalike.study.inputs import UserInputs
from unalike.study.jobs import run_all
from unalike.study.round_choice import best_round
from unalike.study.run import RunTask
from unalike.study.settings import Study
from unalike.study.store import RunStore
from unalike.study.training import ProgressEvent
from unalike.tasks import Measure

from .candidates import AROUND, BEYOND, CANDIDATES, STEPS
from .client_differences import NEAR, difference, scale_of, tied
from .folds import KnownSamples, fold
from .heats import ALONG, CUTS, Heat, RaceSchedule

Floats = NDArray[np.float64]
EVALUATIONS = 5
"""Of a run of full length."""


class Contestant(NamedTuple):
    """A method with settings."""

    label: str
    method: str
    settings: dict[str, Any]

    @property
    def effort(self) -> int:
        """What it takes to run and to explain."""
        return CANDIDATES[self.method].effort


class RaceEntry(NamedTuple):
    """A contestant and how it did on the folds it has run on, by the task's main measure.

    Scores are such that more is better: errors have a minus.
    """

    contestant: Contestant
    scores: Floats  # [N] of each client, mean over the folds; NaN where nothing was judged
    losses: Floats  # [N] likewise
    by_fold: Floats  # [folds, N] scores
    losses_by_fold: Floats  # [folds, N]

    @property
    def score(self) -> float:
        """The mean score over clients; worst of all where the run diverged."""
        known = self.scores[~np.isnan(self.scores)]
        return float(known.mean()) if len(known) else -np.inf

    @property
    def loss(self) -> float:
        """The mean loss over clients; it tells settings apart that do as well by score."""
        known = self.losses[~np.isnan(self.losses)]
        return float(known.mean()) if len(known) else np.inf


class Stage(NamedTuple):
    """One heat as it went, the best first."""

    name: str
    heat: Heat
    entries: tuple[RaceEntry, ...]


@dataclass
class Race:
    """A race under way."""

    given: KnownSamples
    study: Study  # its rounds, weights, batches and model
    problem: Problem | None  # None: the study's model, drawn anew for every fold
    folds: int  # of each cut
    folder: Path
    jobs: int | None = None  # at the same time
    tell: Callable[[ProgressEvent], None] = lambda _: None
    stages: list[Stage] = field(default_factory=list)
    spent: dict[tuple[str, int], int] = field(default_factory=dict)

    def run(self, plan: RaceSchedule) -> Stage:
        """All heats; the end is judged on all folds of all cuts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.study.write(self.folder / "study.toml")
        local, fedavg = self._best_steps("local", plan), self._best_steps("fedavg", plan)
        main = self.given.task.main
        personal, shared = _better(local, main), _better(fedavg, main)
        along = [entry.contestant for entry in (*local, *fedavg)]
        left = [
            Contestant(f"{name}-{k}", name, given)
            for name in plan.methods
            if name not in ("local", "fedavg")
            for k, given in enumerate(CANDIDATES[name].settings(shared, personal), start=1)
        ]
        for number, heat in enumerate(plan.heats, start=1):
            entries = self.heat(f"heat {number}", heat, [*along, *left[: heat.most]])
            left = [
                one.contestant for one in without_duplicates(entries) if one.contestant not in along
            ]
        return self._around(self.stages[-1])

    def _around(self, final: Stage) -> Stage:
        """The last heat, and its leader with smaller and larger steps."""
        leader = final.entries[0].contestant
        row = CANDIDATES[leader.method]
        others = [
            leader._replace(
                label=f"{leader.label}-{name}", settings=row.scale_steps(leader.settings, by)
            )
            for name, by in zip(("smaller", "larger"), AROUND, strict=True)
        ]
        heat = final.heat._replace(most=len(others))
        entries = (*final.entries, *self.heat("steps of the leader", heat, others))
        self.stages.append(Stage("end", final.heat, tuple(sorted(entries, key=_order))))
        return self.stages[-1]

    def _best_steps(self, method: str, plan: RaceSchedule) -> tuple[RaceEntry, ...]:
        """The method with its two best steps, looked for beyond an edge while the edge is best."""
        steps = list(STEPS)
        for _ in range(BEYOND + 1):
            tried = [
                Contestant(f"{method}-{step:g}", method, CANDIDATES[method].settings(step, step)[0])
                for step in steps
            ]
            name = f"step sizes of {method}"
            entries = self.heat(name, plan.steps._replace(most=len(tried)), tried)
            best = entries[0].contestant.settings["lr"]
            if best not in (min(steps), max(steps)) or len(steps) == len(STEPS) + BEYOND:
                break
            self.stages.pop()
            steps = sorted([*steps, _beyond(best, outwards=best == max(steps))])
        return entries[:ALONG]

    def heat(self, name: str, heat: Heat, field: Iterable[Contestant]) -> tuple[RaceEntry, ...]:
        """Let them run, as far as they have not yet; the best first."""
        field = list(field)
        said = f"{name}: {len(field)} settings, {heat.rounds} rounds, folds 1 to {heat.folds}"
        self.tell(ProgressEvent("", 0, 0, remark=said, runs=len(field) * heat.folds))
        for k in range(heat.folds):
            inputs = UserInputs(fold(self.given, k, self.folds), self.problem)
            tasks = [self._task(one, k, inputs, heat.rounds) for one in field]
            run_all(tasks, self.jobs, self.tell)
            for task in tasks:
                records = RunStore(task.run_folder).records()
                self.spent[task.label, k] = sum(r.get("gradients", 0) for r in records)
        entries = [self._entry(one, heat) for one in field]
        entries.sort(key=_order)
        self.stages.append(Stage(name, heat, tuple(entries)))
        return tuple(entries)

    def _task(self, one: Contestant, k: int, inputs: UserInputs, rounds: int) -> RunTask:
        study = self.study.model_copy(
            update={
                "methods": (one.label,),
                "settings": {one.label: {"method": one.method, **one.settings}},
                "rounds": rounds,
                "seeds": CUTS * self.folds,
                "evaluate_every": evaluation_spacing(self.study),
            }
        )
        return RunTask(study, one.label, k, self.folder, inputs, details=False)

    def _entry(self, one: Contestant, heat: Heat) -> RaceEntry:
        chosen, task = [], self.given.task
        for k in range(heat.folds):
            records = RunStore(self.folder / "runs" / one.label / f"seed-{k}").records()
            known = [r for r in records if "evaluation" in r and r["round"] <= heat.rounds]
            if not known or any("diverged" in r for r in records):
                nothing = np.full((heat.folds, len(self.given.names)), np.nan)
                return RaceEntry(one, nothing[0], nothing[0], nothing, nothing)
            chosen.append(best_round(task, known)["evaluation"]["personal"])
        columns = [
            np.array([column[name] for column in chosen], dtype=np.float64)
            for name in (task.main.name, "loss")
        ]
        by_fold, losses = -task.main.key(columns[0]), columns[1]
        return RaceEntry(one, mean_over_folds(by_fold), mean_over_folds(losses), by_fold, losses)


def without_duplicates(entries: Iterable[RaceEntry]) -> list[RaceEntry]:
    """All but those that did exactly as an earlier one: such settings made no difference."""
    kept: list[RaceEntry] = []
    for entry in entries:
        if not any(_same(entry, other) for other in kept):
            kept.append(entry)
    return kept


def _same(one: RaceEntry, other: RaceEntry) -> bool:
    return np.array_equal(one.scores, other.scores, equal_nan=True) and np.array_equal(
        one.losses, other.losses, equal_nan=True
    )


def _better(steps: tuple[RaceEntry, ...], main: Measure) -> float:
    """The better of two steps; where they are near and clients cannot tell, that of less loss."""
    best, slight = steps[0].scores, NEAR * scale_of(main, steps[0].score)
    equals = [one for one in steps if tied(difference(best, one.scores), slight=slight)]
    return float(min(equals, key=lambda one: one.loss).contestant.settings["lr"])


def _order(entry: RaceEntry) -> tuple[float, float]:
    return -entry.score, entry.loss


def evaluation_spacing(study: Study) -> int:
    """Rounds between the evaluations that can be chosen."""
    return max(1, study.rounds // EVALUATIONS)


def mean_over_folds(columns: Floats) -> Floats:
    """[folds, N] -> [N], over the folds in which a client has samples to judge on."""
    known = ~np.isnan(columns)
    total = np.where(known, columns, 0).sum(0)
    return np.divide(total, known.sum(0), out=np.full(total.shape, np.nan), where=known.any(0))


def _beyond(step: float, *, outwards: bool) -> float:
    """The next step of 0.03, 0.1, 0.3, 1, ... outside."""
    decade = 10.0 ** np.floor(np.log10(step) + 1e-9)
    one = round(step / decade) == 1
    if outwards:
        return float(f"{(3 if one else 10) * decade:.1g}")
    return float(f"{(0.3 if one else 1) * decade:.1g}")
