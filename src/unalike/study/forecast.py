"""How long a study will train and what it will hold, from one timed step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unalike.core import Problem
from unalike.data.federation import Federation
from unalike.engines.machine import device_named, held_memory
from unalike.engines.plan import mode_for
from unalike.engines.trial import try_round
from unalike.methods.fedavg import FedAvg

from .run import memory_of_run
from .settings import Study
from .trial import try_method
from .tuning import search_budget

LONG = 5e9
"""Weights times samples that are trained on, all runs together: below it, nothing is timed."""


@dataclass(frozen=True)
class Forecast:
    """What a study is going to take."""

    runs: int
    rounds: int  # of each run
    at_once: int  # runs
    step_seconds: float  # one local step of all clients of a round, FedAvg's
    seconds: float  # of training, all runs
    memory: int  # bytes of the processes of the runs that are done at once, data included


def round_seconds(study: Study, problem: Problem, federation: Federation) -> tuple[float, float]:
    """Of one local step of all clients of a round, measured, and of the whole round from that."""
    sizes = federation.train.sizes[~federation.newcomers]
    cohort = study.cohort_size(len(sizes))
    steps = study.work.steps_per_round(sizes, study.batch_size)
    device = device_named(study.device)
    step = min(
        try_round(
            FedAvg(),
            problem,
            federation,
            clients=cohort,
            samples=study.batch_size,
            device=str(device),
            precision=study.precision,
        ).seconds
        for _ in range(2)
    )
    stacked = mode_for(problem, device) == "stacked"
    return step, step * float(steps.max() if stacked else np.mean(steps))


def is_long(study: Study, problem: Problem, federation: Federation) -> bool:
    """Whether a study trains on so much that it is worth a timed step."""
    sizes = federation.train.sizes[~federation.newcomers]
    samples = study.work.samples_per_round(sizes, study.batch_size)
    share = study.cohort_size(int((~federation.newcomers).sum())) / federation.clients
    whole = study.seeds + whole_runs_of_search(study)
    rounds = len(study.labels()) * whole * study.rounds
    return sum(problem.layout.sizes) * samples * share * rounds > LONG


def whole_runs_of_search(study: Study) -> float:
    """What the search of each method takes, in runs of FedAvg; nothing where there is none left."""
    if study.tuning is None or study.tuning.done:
        return 0.0
    return search_budget(study.tuning, study.rounds)


def forecast(study: Study, problem: Problem, federation: Federation, jobs: int) -> Forecast:
    """What this study takes with so many runs at once: methods differ by their gradients.

    A search gives each method the same gradients. Evaluation is not counted.
    """
    step, whole = round_seconds(study, problem, federation)
    labels = study.labels()
    usual = try_method(study, FedAvg(), problem, federation)
    shares = []
    for label in labels:
        method = study.method(label)
        taken = usual if method.pooled else try_method(study, method, problem, federation)
        shares.append(max(1.0, taken / max(1, usual)))
    search = whole_runs_of_search(study) * len(labels)
    runs = len(labels) * study.seeds
    at_once = max(1, min(jobs, runs))
    most = max(memory_of_run(study, label, federation, problem) for label in labels)
    memory = held_memory() + most
    return Forecast(
        runs,
        study.rounds,
        at_once,
        step,
        whole * study.rounds * (study.seeds * sum(shares) + search) / at_once,
        memory * at_once,
    )
