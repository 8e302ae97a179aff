"""A round on a few samples: whether a method can train a model at all, and what travels."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from unalike.core import Method, Problem
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.functional.precision import Precision
from unalike.functional.trees import size_in_bytes

from .local import LocalEngine
from .plan import Plan, mode_for

CLIENTS = 2


class Trial(NamedTuple):
    """A round that was tried."""

    seconds: float
    bytes_down: int  # to each client
    bytes_up: int  # from each client
    gradients: int  # per-sample gradient evaluations


def try_round(
    method: Method,
    problem: Problem,
    federation: Federation,
    *,
    clients: int = CLIENTS,
    samples: int = 2,
    device: str = "cpu",
    precision: Precision = "float32",
) -> Trial:
    """A round of this many clients, each with a batch of no more than `samples` samples.

    Raises:
        InputError: the method cannot train this model.
    """
    engine = LocalEngine(
        method,
        problem,
        replace(federation, train=_first_samples(federation.train, samples)),
        seed=0,
        batch_size=samples,
        epochs=1,
        plan=Plan(mode_for(problem, device), clients, 1),
        device=device,
        precision=precision,
    )
    server = engine.method.init_server(engine.problem, engine.w, engine.population)
    ids = np.arange(min(clients, len(engine)))
    downs = engine.broadcast(server, ids)
    started = time.perf_counter()
    answers = engine.train(0, ids, downs)
    seconds = time.perf_counter() - started
    if method.pooled or not answers.sound.any():
        return Trial(seconds, 0, 0, answers.gradients)
    heard = int(answers.sound.sum())
    down, up = size_in_bytes(downs) // len(ids), size_in_bytes(answers.ups) // heard
    return Trial(seconds, down, up, answers.gradients)


def _first_samples(held: Ragged, samples: int) -> Ragged:
    parts = [held.rows(row)[:samples] for row in range(len(held.sizes))]
    return Ragged.of(np.concatenate(parts), np.asarray([len(part) for part in parts]))
