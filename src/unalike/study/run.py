"""One method on one federation with one seed: train, measure, keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.attacks import HostileAnswers, hostile_in
from unalike.core import Cohort, Method, Problem
from unalike.core.work_check import check_local_work
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.data.without_test import without_test_samples
from unalike.engines.local import LocalEngine
from unalike.engines.machine import cores, device_named, processor
from unalike.engines.memory import predict_memory
from unalike.engines.personal_prediction import PersonalPredictor
from unalike.engines.plan import TO_BEGIN_WITH, Plan, candidate_plans, mode_for
from unalike.engines.plan_search import PlanMemory, PlanSearch
from unalike.privacy import with_privacy
from unalike.robust import with_robust
from unalike.tasks import Task

from .evaluate import evaluate, evaluate_new, models_after
from .inputs import UserInputs, federation_for, problem_for
from .kept_models import ModelWriter
from .model_description import describe_run
from .settings import Study
from .store import Checkpoint, RunStore
from .training import Evaluation, ProgressEvent, finished, train
from .variance_settings import method_of_study

MOST_NAMED_SIZES = 1000
"""Clients whose sizes are part of what a plan is remembered by."""


class TrialPart(NamedTuple):
    """What makes a run a trial of a search: test samples are out of its reach."""

    partition: int  # the seed with which data were dealt; the run's own decides all the rest
    allowances: tuple[int, ...]  # see `training.train`


@dataclass(frozen=True)
class RunTask:
    """A run to be done."""

    study: Study
    label: str
    seed: int
    folder: Path  # of the study, or of a trial of its search
    inputs: UserInputs = field(default_factory=UserInputs)
    cores: int = 1  # free for this run
    trial: TrialPart | None = None
    details: bool = True  # what nothing is chosen by: see `evaluate`

    @property
    def study_folder(self) -> Path:
        """The folder that is gone on with."""
        return self.folder if self.trial is None else self.folder.parent.parent

    @property
    def run_folder(self) -> Path:
        """Where the run keeps its files."""
        return self.folder / "runs" / self.label / f"seed-{self.seed}"

    @property
    def store(self) -> RunStore:
        """Where its rounds are kept."""
        return RunStore(self.run_folder)

    @property
    def title(self) -> str:
        """How the run is called."""
        return f"{self.label}, seed {self.seed}"


def run(task: RunTask, tell: Callable[[ProgressEvent], None] = lambda _: None) -> None:
    """Do the run, from its last checkpoint if it has one; a finished run is left as it is."""
    study, store = task.study, task.store
    known, trial = store.records(), task.trial
    allowances = () if trial is None else trial.allowances
    if known and finished(known, study, allowances):
        tell(ProgressEvent(task.label, task.seed, known[-1]["round"], finished=True))
        return
    torch.set_num_threads(1)
    federation = federation_for(study, task.inputs, task.seed if trial is None else trial.partition)
    if trial is not None:
        federation = without_test_samples(federation)
    problem = problem_for(study, federation, task.inputs)
    method = method_of_run(study, task.label, federation, problem)
    w = problem.init(task.seed if task.inputs.problem is None else None)
    engine = engine_for(method, problem, federation, study, task.seed, w)
    trainer = engine
    if method.pooled:
        together = len(engine)
        pooled = pool_clients(federation)
        trainer = engine_for(method, problem, pooled, study, task.seed, w, together=together)
    clients = SimulatedClients(task, engine, trainer)
    attack = None
    if study.attack is not None and not method.pooled:
        attack = HostileAnswers(study.attack, hostile_in(federation)[engine.rows], task.seed)
    keep = ModelWriter(
        task.run_folder,
        study.keep,
        describe_run(study, task.label, task.seed, federation, problem),
    )
    train(
        clients,
        store,
        study,
        task.label,
        task.seed,
        tell,
        attack=attack,
        keep=keep,
        allowances=allowances,
    )


def method_of_run(study: Study, label: str, federation: Federation, problem: Problem) -> Method:
    """The method of this label, with the privacy or the robust rule of the study around it.

    Raises:
        InputError: they or the local work do not suit the method, or there are too few clients
            for the rule.
    """
    plain = method_of_study(study, label, federation)
    check_local_work(plain, study.work)
    method = with_privacy(plain, study.privacy, problem)
    cohort = study.cohort_size(int((~federation.newcomers).sum()))
    return with_robust(method, study.robust, problem, cohort=cohort)


@dataclass(frozen=True)
class SimulatedClients:
    """The clients of a run, all on this machine: see `training.RunClients`."""

    of: RunTask
    engine: LocalEngine
    trainer: LocalEngine  # the same, or all clients put together as one

    every_checkpoint = False
    secret = 0

    @property
    def method(self) -> Method:
        return self.trainer.method

    @property
    def task(self) -> Task:
        return self.engine.federation.task

    @property
    def clients(self) -> LocalEngine:
        return self.trainer

    def init_server(self) -> Any:
        trainer = self.trainer
        return self.method.init_server(trainer.problem, trainer.w, trainer.population)

    @property
    def states(self) -> Any:
        return self.trainer.changed_states

    def begin(self, server: Any, saved: Checkpoint | None) -> str:
        trainer = self.trainer
        search = _plan_search(trainer, self.of)
        if saved is not None:
            trainer.restore_changed(saved.clients)
            trainer.plan = search.plan if search.settled else Plan.read(saved.plan)
        else:
            trainer.search(search)
        self.engine.plan = trainer.plan
        return f"{trainer.plan}{'' if search.settled or saved is not None else TO_BEGIN_WITH}"

    def names(self, ids: NDArray[np.int64]) -> list[str]:
        return [self.engine.federation.names[row] for row in self.engine.rows[ids]]

    @property
    def newcomers(self) -> bool:
        return self.of.trial is None and bool(self.engine.federation.newcomers.any())

    @cached_property
    def _models(self) -> PersonalPredictor:
        return PersonalPredictor(self.engine)

    def evaluate(self, server: Any, t: int, cohort: Cohort) -> Evaluation:
        task = self.of
        compared = task.details and t in task.study.dissimilarity_rounds()
        record = evaluate(
            self.engine,
            server,
            t,
            cohort,
            self._models,
            details=task.details,
            dissimilarity=compared,
        )
        private = task.study.privacy is not None
        return Evaluation(
            record, partial(models_after, self.engine, server, t, self._models, private=private)
        )

    def evaluate_new(self, server: Any, t: int) -> dict[str, Any]:
        return evaluate_new(self.engine, server, t, self._models)


def pool_clients(federation: Federation) -> Federation:
    """The training clients put together as one."""
    rows = np.flatnonzero(~federation.newcomers).tolist()

    def together(part: Ragged) -> Ragged:
        values = np.concatenate([part.rows(row) for row in rows])
        return Ragged.of(values, np.asarray([len(values)]))

    return replace(
        federation,
        train=together(federation.train),
        validation=together(federation.validation),
        test=together(federation.test),
        names=("everybody",),
        newcomers=np.zeros(1, dtype=bool),
        groups=None,
    )


def memory_of_run(
    study: Study, label: str, federation: Federation, problem: Problem, *, evaluated: bool = True
) -> int:
    """Bytes that a run of this method will take beside what its process holds before.

    evaluated: with its looks, checkpoints and kept models.
    """
    method = method_of_run(study, label, federation, problem)
    held = pool_clients(federation) if method.pooled else federation
    cohort = study.cohort_size(int((~held.newcomers).sum()))
    plan = Plan(
        mode_for(problem, device_named(study.device)), study.chunk or cohort, study.threads or 1
    )
    return predict_memory(
        method,
        problem,
        held,
        plan,
        cohort=cohort,
        batch_size=study.batch_size,
        work=study.work,
        rounds=study.rounds,
        evaluated=evaluated,
    )


def engine_for(
    method: Method,
    problem: Problem,
    federation: Federation,
    study: Study,
    seed: int,
    w: Tensor,
    *,
    together: int = 1,
) -> LocalEngine:
    """The federation's training clients at work for this method, from the weights w [P].

    together: how many clients' samples each of them holds.
    """
    device = device_named(study.device)
    sizes = federation.train.sizes[~federation.newcomers]
    plan = Plan(mode_for(problem, device), study.chunk or 64, study.threads or 1)
    return LocalEngine(
        method,
        problem,
        federation,
        seed=seed,
        batch_size=study.batch_size,
        work=study.work.together(together) if method.pooled else study.work,
        plan=plan,
        w=w,
        weights=study.objective(sizes, seed),
        device=str(device),
        rounds=study.rounds,
        precision=study.precision,
    )


def _plan_search(trainer: LocalEngine, task: RunTask) -> PlanSearch:
    """The plans that may be tried for a run; none but the best, where that is remembered."""
    study = task.study
    cohort, mode = study.cohort_size(trainer.population.size), trainer.plan.mode
    chunk = trainer.plan.chunk if study.precision != "float32" else study.chunk
    families = candidate_plans(
        mode,
        cohort,
        chunk=chunk,
        threads=study.threads,
        most_threads=task.cores,
        compiled=study.compile,
    )
    layout, sizes = trainer.problem.layout, trainer.federation.train.sizes[trainer.rows]
    memory = PlanMemory(
        (processor(), cores(), task.cores, torch.__version__, str(trainer.device)),
        (
            trainer.problem.describe(),
            layout.names,
            layout.shapes,
            str(trainer.w.dtype),
            study.precision,
        ),
        (
            _work_of(study.method(task.label)),
            families,
            cohort,
            study.batch_size,
            study.work,
        ),
        np.sort(sizes).tolist() if len(sizes) < MOST_NAMED_SIZES else int(sizes.sum()),
    )
    return PlanSearch(families, memory)


def _work_of(method: Method) -> tuple[str, dict[str, Any]]:
    """What a method's work depends on: numbers such as step sizes do not change how much it is."""
    values = {field.name: getattr(method, field.name) for field in fields(method)}
    kept = {name: value for name, value in values.items() if not isinstance(value, float)}
    return type(method).__qualname__, kept
