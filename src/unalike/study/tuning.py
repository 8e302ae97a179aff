"""The search of a study: trials of all methods, rung by rung, and the settings that they choose.

    tuning/trial-<k>/<method>.json             what is tried
    tuning/trial-<k>/runs/<method>/seed-<s>/   its run, stored as every run is
    tuning.json                                what came out; written when the search is done

A trial trains on the partition of a reported run, with another seed for all that is drawn in
training, and is judged on validation samples; test samples are taken away before it begins. It
stops when its allowance of gradients is spent and goes on from there where it survives. A killed
search goes on from what is stored, to the same settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unalike.core.buffers import with_buffers
from unalike.data.federation import Federation
from unalike.data.without_test import without_test_samples
from unalike.errors import InputError
from unalike.tasks import Task
from unalike.tuning.halving import Rung, reached, rungs, survivors, whole_runs
from unalike.tuning.samplers import SAMPLERS, Point
from unalike.tuning.search_record import (
    Judgement,
    MethodSearch,
    SearchRecord,
    Trial,
    chosen_settings,
    order_of,
    parse_record,
)
from unalike.tuning.search_space import SearchSpace
from unalike.tuning.settings import Tuning

from .files import write_atomically, write_once
from .inputs import UserInputs, problem_for
from .jobs import run_all
from .round_choice import best_round
from .run import RunTask, TrialPart, method_of_run
from .search_spaces import FIRST_TRIAL_SEED, space_of
from .settings import Study
from .store import RunStore
from .study_folder import STUDY
from .training import ProgressCallback, ProgressEvent, finished
from .trial import try_method

RECORD = "tuning.json"
EVALUATIONS = 5
"""Of a trial of full length, besides those at the end of each rung."""


def read_search(folder: Path) -> SearchRecord | None:
    """What the search of the study in this folder found; None where there is none, or not yet.

    Raises:
        InputError: its file is damaged.
    """
    path = folder / RECORD
    return parse_record(path.read_text("utf-8"), str(path)) if path.exists() else None


def whole_run(study: Study, federation: Federation) -> int:
    """Gradients of single samples that a run of FedAvg takes, clients being drawn alike."""
    sizes = federation.train.sizes[~federation.newcomers]
    share = study.cohort_size(len(sizes)) / len(sizes)
    samples = study.work.samples_per_round(sizes, study.batch_size)
    return round(study.rounds * share * samples)


def tuned(
    study: Study,
    folder: Path,
    inputs: UserInputs,
    federation: Federation,
    tell: ProgressCallback,
    jobs: int | None,
) -> Study:
    """The study with the settings that its search has chosen, which is done where it is not yet.

    federation: of the first seed. What is chosen is written into the study's folder.

    Raises:
        InputError: a file cannot be written, or a trial cannot be run; what is done is kept.
    """
    tuning = study.tuning
    if tuning is None or tuning.done:
        return study
    search = _StudySearch(study, tuning, folder / "tuning", inputs, federation, tell, jobs)
    record = search.run()
    write_atomically(folder / RECORD, record.model_dump_json(indent=1).encode())
    chosen = chosen_settings(record)
    settings = {label: dict(given) for label, given in study.settings.items()}
    for label, values in chosen.items():
        if values:
            settings[label] = {**settings.get(label, {}), **values}
    study = study.model_copy(
        update={"settings": settings, "tuning": tuning.model_copy(update={"chosen": chosen})}
    )
    study.write(folder / STUDY)
    return study


@dataclass
class _MethodTrials:
    """What is tried of one method."""

    label: str
    space: SearchSpace
    settings: list[dict[str, Any]] = field(default_factory=list)  # of each trial
    points: list[Point] = field(default_factory=list)  # of each but the first
    judged: list[list[Judgement]] = field(default_factory=list)  # of each, one a rung
    left: list[int] = field(default_factory=list)  # trials that go on


@dataclass
class _StudySearch:
    """A search under way."""

    study: Study
    tuning: Tuning
    folder: Path
    inputs: UserInputs
    federation: Federation
    tell: ProgressCallback
    jobs: int | None

    def __post_init__(self) -> None:
        self.ladder: tuple[Rung, ...] = rungs(self.tuning.trials, self.study.rounds)
        self.whole = whole_run(self.study, self.federation)
        self.allowances = tuple(round(rung.share * self.whole) for rung in self.ladder)
        spaces = {label: self._accepted_space(label) for label in self.study.labels()}
        self.methods = [
            _MethodTrials(label, space) for label, space in spaces.items() if space.axes
        ]
        self.done = 0

    @property
    def task(self) -> Task:
        return self.federation.task

    def _accepted_space(self, label: str) -> SearchSpace:
        """What is searched of a method, without whole numbers too large for these clients."""
        space = space_of(label, self.study.settings, self.tuning)
        for axis in space.axes:
            high, why = axis.high, None
            while axis.whole and high > axis.low:
                refusal = self._refusal(label, {axis.name: int(high)})
                if refusal is None:
                    break
                high, why = high - 1, refusal
            if why is not None:
                space = space.up_to(axis.name, high)
                said = f"{label}: {axis.name} is searched up to {high:g}, since {why}"
                self.tell(ProgressEvent("", 0, 0, remark=said))
        return space

    def _refusal(self, label: str, settings: dict[str, Any]) -> str | None:
        """Why a method cannot work so with these clients, if it cannot."""
        study, held = self._study_of(label, settings), without_test_samples(self.federation)
        problem = problem_for(study, held, self.inputs)
        try:
            method = with_buffers(method_of_run(study, label, held, problem), problem)
            try_method(study, method, problem, held)
        except InputError as error:
            return str(error)
        return None

    def run(self) -> SearchRecord:
        """Every rung, each for all methods together so that all cores have work."""
        sampler = SAMPLERS[self.tuning.sampler]
        missing = self.tuning.trials
        while missing:
            count = min(missing, sampler.at_once or missing)
            for one in self.methods:
                self._propose(one, count)
            missing -= count
            self._judge(0)
        for number, rung in enumerate(self.ladder[1:], start=1):
            for one in self.methods:
                kept = survivors([self._key(one.judged[k][-1]) for k in one.left], rung.trials)
                one.left = [one.left[k] for k in kept]
            self._judge(number)
        higher = self.task.main.higher_is_better
        searches = {}
        for one in self.methods:
            trials = tuple(
                Trial(settings=settings, judged=tuple(judged))
                for settings, judged in zip(one.settings, one.judged, strict=True)
            )
            searches[one.label] = MethodSearch(
                axes=one.space.axes,
                trials=trials,
                order=order_of(trials, higher_is_better=higher),
            )
        return SearchRecord(
            measure=self.task.main.name,
            higher_is_better=higher,
            whole_run=self.whole,
            budget=search_budget(self.tuning, self.study.rounds),
            searches=searches,
        )

    def _propose(self, one: _MethodTrials, count: int) -> None:
        """Add trials of a method; the first of all has its defaults."""
        known = len(one.settings)
        wanted = count - (known == 0)
        scores = _ranks([self._key(judged[0]) for judged in one.judged[1:]])
        propose = SAMPLERS[self.tuning.sampler].propose
        points = propose(len(one.space.axes), one.points, scores, wanted) if wanted else []
        proposed = [] if known else [one.space.first]
        proposed += [one.space.settings(point) for point in points]
        for k, settings in enumerate(proposed, start=known):
            path = self._trial(k) / f"{one.label}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_once(path, json.dumps(settings).encode())
            one.settings.append(json.loads(path.read_text("utf-8")))
            one.judged.append([])
            one.left.append(k)
        one.points += points

    def _judge(self, number: int) -> None:
        """Let the trials that are left spend the allowance of this rung, and look at them."""
        due = [(one, k) for one in self.methods for k in one.left if len(one.judged[k]) == number]
        tasks = [task for one, k in due for task in self._tasks(one, k, number)]
        run_all(tasks, self.jobs, self._listen)
        self._require_done(tasks, number)
        for one, k in due:
            found = [self._judgement(task, number) for task in self._tasks(one, k, number)]
            one.judged[k].append(_mean(found))

    def _require_done(self, tasks: Iterable[RunTask], number: int) -> None:
        """A run that another process holds is left to it, and nothing is chosen by half of it."""
        for task in tasks:
            records = RunStore(task.run_folder).records()
            if not records or not finished(records, task.study, self.allowances[: number + 1]):
                raise InputError(
                    f"Another process searches in {self.folder.parent}: when it has ended, go on "
                    f"with 'unalike resume {self.folder.parent}'."
                )

    def _tasks(self, one: _MethodTrials, k: int, number: int) -> Iterable[RunTask]:
        """The runs of a trial, one a seed of the search."""
        study = self._study_of(one.label, one.settings[k])
        for seed in range(self.tuning.seeds):
            yield RunTask(
                study,
                one.label,
                FIRST_TRIAL_SEED + seed,
                self._trial(k),
                self.inputs,
                trial=TrialPart(seed % self.study.seeds, self.allowances[: number + 1]),
                details=False,
            )

    def _study_of(self, label: str, settings: dict[str, Any]) -> Study:
        """A study of one method with these settings, which a trial is a run of."""
        given = {**self.study.settings.get(label, {}), **settings}
        return self.study.model_copy(
            update={
                "methods": (label,),
                "settings": {label: given} if given else {},
                "tuning": None,
                "keep": "none",
                "evaluate_every": max(
                    -(-self.study.rounds // EVALUATIONS), self.study.evaluate_every or 1
                ),
            }
        )

    def _trial(self, k: int) -> Path:
        return self.folder / f"trial-{k:03d}"

    def _judgement(self, task: RunTask, number: int) -> Judgement:
        """How a run had done when the allowance of a rung was spent."""
        records = RunStore(task.run_folder).records()
        spent = [record.get("gradients", 0) for record in records]
        records = records[: reached(spent, self.allowances[number])]
        gradients = sum(spent[: len(records)])
        known = [record for record in records if "evaluation" in record]
        if not known or "diverged" in records[-1]:
            return Judgement(rounds=len(records), gradients=gradients, value=None, loss=None)
        found = best_round(self.task, known)["evaluation"]["validation"]
        return Judgement(
            rounds=len(records),
            gradients=gradients,
            value=found[self.task.main.name],
            loss=found["loss"],
        )

    def _key(self, judged: Judgement) -> tuple[float, float]:
        return judged.key(higher_is_better=self.task.main.higher_is_better)

    def _listen(self, event: ProgressEvent) -> None:
        """Of trials only how many are done is passed on: what they say is in their records."""
        if event.finished:
            self.done += 1
            runs = sum(rung.trials for rung in self.ladder) * len(self.methods) * self.tuning.seeds
            self.tell(ProgressEvent("", 0, 0, trials=(self.done, runs)))


def search_budget(tuning: Tuning, rounds: int) -> float:
    """What the search takes of each method, in whole runs of FedAvg.

    More where one round alone takes more than a rung allows.
    """
    return tuning.seeds * whole_runs(rungs(tuning.trials, rounds))


def _mean(found: Sequence[Judgement]) -> Judgement:
    """Of the runs of a trial together; where one diverged the trial did."""
    values = [one.value for one in found if one.value is not None]
    losses = [one.loss for one in found if one.loss is not None]
    sound = len(values) == len(losses) == len(found)
    return Judgement(
        rounds=max(one.rounds for one in found),
        gradients=sum(one.gradients for one in found),
        value=float(np.mean(values)) if sound else None,
        loss=float(np.mean(losses)) if sound else None,
    )


def _ranks(keys: Sequence[tuple[float, float]]) -> list[float]:
    """How many keys are smaller than each."""
    return [float(sum(other < key for other in keys)) for key in keys]
