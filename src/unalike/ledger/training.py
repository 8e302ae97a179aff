"""The loop that the protocols of the ledger share: one method on one federation, by rounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Method, Problem
from unalike.core.local_work import LocalWork
from unalike.data.federation import Federation
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan, mode_for
from unalike.methods import METHODS
from unalike.rounds import rounds

CHUNK = 100
"""Clients that are stacked at once."""


class State(NamedTuple):
    """After a round."""

    t: int
    engine: LocalEngine
    server: Any


def method_of(settings: Mapping[str, Any]) -> Method:
    """The method that settings name, with its hyper-parameters."""
    built: Method = METHODS[settings["method"]](**settings.get("hyperparameters", {}))
    return built


def training(
    method: Method,
    problem: Problem,
    federation: Federation,
    *,
    times: int,
    seed: int,
    batch_size: int,
    work: LocalWork,
    cohort: int | None = None,
    dropout: float = 0.0,
    weights: Tensor | None = None,
) -> Iterator[State]:
    """The engine and the server's state after each round; all clients where no cohort is given."""
    mode = mode_for(problem)
    engine = LocalEngine(
        method,
        problem,
        federation,
        seed=seed,
        batch_size=batch_size,
        work=work,
        weights=weights,
        plan=Plan(mode, CHUNK if mode == "stacked" else 1, 1),
    )
    acting = engine.method
    server = acting.init_server(engine.problem, engine.w, engine.population)
    loop = rounds(
        acting,
        engine,
        server,
        cohort=cohort or len(engine),
        seed=seed,
        dropout=dropout,
        work=work,
    )
    for done in islice(loop, times):
        yield State(done.t, engine, done.server)


def last_state(*args: Any, **kwargs: Any) -> State:
    """The state after the last round of `training`."""
    (last,) = deque(training(*args, **kwargs), maxlen=1)
    return last


def model_of(state: State) -> Tensor:
    """The one model for everybody, of a method that has one: [P]."""
    model: Any = state.engine.method.global_model(state.server)
    return model


def personal_accuracies(state: State) -> NDArray[np.float64]:
    """The share of its own test samples that each client's model gets right: [N]."""
    engine = state.engine
    found = engine.predict(engine.personalise(state.t, state.server), engine.rows, "test")
    right = (found.output.argmax(-1) == found.truth).double().numpy()
    sizes = engine.federation.test.sizes[engine.rows]
    starts = np.cumsum(sizes) - sizes
    return np.add.reduceat(right, starts) / sizes


def global_accuracy(state: State) -> float:
    """The share of the pooled test samples that the one model gets right."""
    found = state.engine.predict_pooled(model_of(state), "test")
    return float((found.output.argmax(-1) == found.truth).double().mean())
