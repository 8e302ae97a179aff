"""A round on a few samples, to see whether a method can train a model at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unalike.core import Method, Problem
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged

from .local import LocalEngine
from .plan import Plan, mode_for

CLIENTS = 2
SAMPLES = 2
"""The most of each client."""


def try_round(method: Method, problem: Problem, federation: Federation) -> float:
    """A round of two clients with two samples each; returns its seconds and leaves no trace.

    Raises:
        InputError: the method cannot train this model.
    """
    engine = LocalEngine(
        method,
        problem,
        replace(federation, train=_first_samples(federation.train)),
        seed=0,
        batch_size=SAMPLES,
        epochs=1,
        plan=Plan(mode_for(problem), CLIENTS, 1),
    )
    server = method.init_server(engine.problem, engine.w, engine.population)
    ids = np.arange(min(CLIENTS, len(engine)))
    return engine.time_round(ids, engine.broadcast(server, ids))


def _first_samples(held: Ragged) -> Ragged:
    parts = [held.rows(row)[:SAMPLES] for row in range(len(held.sizes))]
    return Ragged.of(np.concatenate(parts), np.asarray([len(part) for part in parts]))
