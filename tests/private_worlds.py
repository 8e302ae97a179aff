"""Clients of equal weight, trained with privacy as a study does it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unalike.core import Method, Problem
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.functional.trees import items
from unalike.privacy import Privacy, Release, with_privacy
from unalike.rounds import rounds
from unalike.tasks.classes import Classes
from worlds import Outcome, World

CENTRAL = Privacy(kind="central", clip=0.5, noise=0.8)
LOCAL = Privacy(kind="local", clip=0.5, noise=0.8)
NOTHING = {"clip": float("inf"), "noise": 0.0}


def private(privacy: Privacy, **changes: Any) -> Privacy:
    """The same with other settings."""
    return privacy.model_copy(update=changes)


def run_privately(
    world: World,
    method: Method,
    privacy: Privacy | None,
    times: int = 1,
    *,
    cohort: int | None = None,
    dropout: float = 0.0,
    seed: int = 0,
    secret: int = 0,
    weights: Tensor | None = None,
    **options: Any,
) -> Outcome:
    """Train for this many rounds; all clients weigh the same if nothing else is said."""
    count = int((~world.federation.newcomers).sum())
    weights = torch.full((count,), 1 / count, dtype=torch.float64) if weights is None else weights
    guarded = with_privacy(method, privacy, world.problem, secret=secret)
    engine = world.engine(guarded, seed=seed, weights=weights, **options)
    size = cohort or count
    central = privacy is not None and privacy.kind == "central"
    loop = rounds(
        engine.method,
        engine,
        engine.method.init_server(engine.problem, engine.w, engine.population),
        cohort=size,
        seed=seed ^ secret,
        dropout=dropout,
        release=Release(privacy, size, seed ^ secret) if central else None,
    )
    history = list(islice(loop, times))
    return Outcome(engine, history[-1].server, history)


def wide(weights: int = 20_000, clients: int = 4) -> World:
    """A model of many numbers that nobody moves: what changes it is noise."""

    def loss(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (0 * w).sum() + 0 * y

    ones = np.ones(clients, dtype=np.int64)
    nobody = Ragged.of(np.arange(0), 0 * ones)
    return World(
        Problem.from_function(loss, torch.zeros(weights, dtype=torch.float64)),
        Federation(
            x=torch.zeros(clients, 1, dtype=torch.float64),
            y=torch.zeros(clients, dtype=torch.float64),
            x_test=torch.zeros(0, 1, dtype=torch.float64),
            y_test=torch.zeros(0, dtype=torch.float64),
            train=Ragged.of(np.arange(clients), ones),
            validation=nobody,
            test=nobody,
            names=tuple(f"client {i}" for i in range(clients)),
            newcomers=np.zeros(clients, dtype=bool),
            pooled_test=np.arange(0),
            task=Classes.of(1),
        ),
    )


def same(a: Any, b: Any) -> bool:
    """Whether two trees are equal bit for bit."""
    pairs = zip(items(a), items(b), strict=True)
    return all(n == m and x.dtype == y.dtype and torch.equal(x, y) for (n, x), (m, y) in pairs)


def without_rows(world: World, row: int) -> World:
    """The world in which a client's labels are others, and nothing else."""
    f = world.federation
    y = f.y.clone()
    y[f.train.rows(row)] = (y[f.train.rows(row)] + 1) % f.classes
    return World(world.problem, replace(f, y=y))
