"""One method on one federation with one seed: train, measure, keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unalike.core import Cohort, Method, Problem
from unalike.core.model_check import check_model
from unalike.data.federate import federate
from unalike.data.federation import Federation, Ragged
from unalike.data.skews.registry import skewed
from unalike.data.sources import Arrays, load
from unalike.data.sources.source import Task as TaskKind
from unalike.engines.local import LocalEngine
from unalike.engines.machine import device_named
from unalike.engines.memory import predict_memory
from unalike.engines.plan import Plan, choose_plan, mode_for
from unalike.models import build
from unalike.privacy import with_privacy
from unalike.weighting.sampling import draw
from unalike.weighting.weights import objective

from .evaluate import evaluate, evaluate_new
from .settings import Study
from .store import RunStore, Saved
from .training import Progress as Progress
from .training import finished as finished
from .training import train


@dataclass(frozen=True)
class Own:
    """What a user brings along from Python, in place of named data and a named model."""

    federation: Federation | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class Task:
    """A run to be done."""

    study: Study
    label: str
    seed: int
    folder: Path  # of the study
    own: Own = Own()
    cores: int = 1  # free for this run

    @property
    def run_folder(self) -> Path:
        """Where the run keeps its files."""
        return self.folder / "runs" / self.label / f"seed-{self.seed}"


def run(task: Task, tell: Callable[[Progress], None] = lambda _: None) -> None:
    """Do the run, from its last checkpoint if it has one; a finished run is left as it is."""
    study, store = task.study, RunStore(task.run_folder)
    known = store.records()
    if known and finished(known, study):
        tell(Progress(task.label, task.seed, known[-1]["round"], finished=True))
        return
    torch.set_num_threads(1)
    federation = clients_for(study, task.own, task.seed)
    problem = problem_for(study, federation, task.own)
    method = with_privacy(study.method(task.label), study.privacy, problem)
    w = problem.init(task.seed if task.own.problem is None else None)
    engine = _engine(method, problem, federation, study, task.seed, w)
    trainer = engine
    if method.pooled:
        trainer = _engine(method, problem, pooled(federation), study, task.seed, w)
    train(Simulated(task, engine, trainer), store, study, task.label, task.seed, tell)


@dataclass(frozen=True)
class Simulated:
    """The clients of a run, all on this machine: see `training.RunClients`."""

    task: Task
    engine: LocalEngine
    trainer: LocalEngine  # the same, or all clients put together as one

    every_checkpoint = False
    secret = 0

    @property
    def method(self) -> Method:
        return self.trainer.method

    @property
    def clients(self) -> LocalEngine:
        return self.trainer

    def init_server(self) -> Any:
        trainer = self.trainer
        return self.method.init_server(trainer.problem, trainer.w, trainer.population)

    @property
    def states(self) -> Any:
        return self.trainer.states

    def begin(self, server: Any, saved: Saved | None) -> str:
        trainer, study = self.trainer, self.task.study
        if saved is not None:
            trainer.restore(saved.clients)
            trainer.plan = Plan.read(saved.plan)
        else:
            cohort = study.cohort_size(trainer.population.size)
            trainer.plan = _planned(trainer, server, self.task, cohort)
        self.engine.plan = trainer.plan
        return str(trainer.plan)

    def names(self, ids: NDArray[np.int64]) -> list[str]:
        return [self.engine.federation.names[row] for row in self.engine.rows[ids]]

    @property
    def newcomers(self) -> bool:
        return bool(self.engine.federation.newcomers.any())

    def evaluate(self, server: Any, t: int, cohort: Cohort) -> dict[str, Any]:
        return evaluate(self.engine, server, t, cohort)

    def evaluate_new(self, server: Any, t: int) -> dict[str, Any]:
        return evaluate_new(self.engine, server, t)


def dealt(study: Study, seed: int) -> Federation:
    """The study's data, dealt to clients with this seed."""
    return _dealt(study, seed)


def clients_for(study: Study, own: Own, seed: int) -> Federation:
    """The user's own clients, with the study's skews, or the study's data dealt with this seed."""
    if own.federation is None:
        return dealt(study, seed)
    return skewed(own.federation, study.skew, seed=seed)


def pooled(federation: Federation) -> Federation:
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


@lru_cache(maxsize=1)
def _arrays(data: str, data_dir: str | None) -> Arrays:
    return load(data, data_dir=data_dir)


@lru_cache(maxsize=4)
def _dealt_cached(text: str, seed: int) -> Federation:
    study = Study.model_validate_json(text)
    return federate(
        _arrays(study.data, study.data_dir),
        split=study.split,
        clients=study.client_count(),
        seed=seed,
        validation=study.validation,
        test=study.test,
        new_clients=study.new_clients,
        official_test=study.official_test,
        min_size=study.min_size,
        skew=study.skew,
        **study.split_options(),
    )


def _dealt(study: Study, seed: int) -> Federation:
    return _dealt_cached(study.model_dump_json(), seed)


def problem_for(study: Study, federation: Federation, own: Own) -> Problem:
    """The user's own problem, or the study's network, which `Problem.init` draws weights for.

    One object for all runs of the same network, so that its gradients are recorded once.
    """
    if own.problem is not None:
        return own.problem
    shape = tuple(federation.x.shape[1:])
    problem = _network(study.model, shape, federation.classes, federation.task, study.buffers)
    check_model(problem, federation.x[:1], federation.classes)
    return problem


@lru_cache(maxsize=2)
def _network(
    model: str, shape: tuple[int, ...], classes: int, task: TaskKind, buffers: str
) -> Problem:
    module = build(model, shape=shape, classes=classes, seed=0)
    return Problem(module, _LOSS[task], buffers=buffers)


_LOSS: dict[TaskKind, str] = {"classes": "cross_entropy", "labels": "binary_cross_entropy"}


def problem_of(
    module: nn.Module, federation: Federation, study: Study, loss: Any = None
) -> Problem:
    """A module with a loss that fits the federation's labels."""
    usual = _LOSS[federation.task]
    problem = Problem(module, usual if loss is None else loss, buffers=study.buffers)
    check_model(problem, federation.x[:1], federation.classes if loss is None else None)
    return problem


def memory_of(study: Study, label: str, federation: Federation, problem: Problem) -> int:
    """Bytes that a run of this method will take beside the data."""
    method = study.method(label)
    held = pooled(federation) if method.pooled else federation
    cohort = study.cohort_size(int((~held.newcomers).sum()))
    plan = Plan(
        mode_for(problem, device_named(study.device)), study.chunk or cohort, study.threads or 1
    )
    return predict_memory(method, problem, held, plan, cohort=cohort, batch_size=study.batch_size)


def _engine(
    method: Method, problem: Problem, federation: Federation, study: Study, seed: int, w: Tensor
) -> LocalEngine:
    device = device_named(study.device)
    sizes = federation.train.sizes[~federation.newcomers]
    plan = Plan(mode_for(problem, device), study.chunk or 64, study.threads or 1)
    return LocalEngine(
        method,
        problem,
        federation,
        seed=seed,
        batch_size=study.batch_size,
        epochs=study.local_epochs,
        plan=plan,
        w=w,
        weights=objective(study.weights, sizes, seed=seed),
        device=str(device),
        rounds=study.rounds,
    )


def _planned(trainer: LocalEngine, server: Any, task: Task, cohort: int) -> Plan:
    """The plan of a new run, measured on its first cohort."""
    study = task.study
    ids = draw(study.sampling, trainer.population.weights, cohort, seed=task.seed, t=1).ids
    return choose_plan(
        trainer,
        ids,
        trainer.broadcast(server, ids),
        mode=trainer.plan.mode,
        chunk=study.chunk,
        threads=study.threads,
        most_threads=task.cores,
        compiled=study.compile,
        rounds=study.rounds,
    )
