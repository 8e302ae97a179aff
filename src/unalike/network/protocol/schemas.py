"""Which trees a method sends: both ends find out for themselves, so that messages need not say.

Only types and shapes are of interest here, no numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unalike.core import Method, Population, Problem
from unalike.core.buffers import ModelWithStatistics, RecomputeStatistics
from unalike.data.federation import Federation, Ragged
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.functional.trees import map_tree
from unalike.measures.accuracy import Tally

ONE_BY_ONE = Plan("single", chunk=1, threads=1)


@dataclass(frozen=True)
class Downs:
    """What a server with N clients sends: trees whose numbers are not to be read."""

    trained: Any  # to train from
    delivered: Any  # to predict with
    introduced: Any  # to a client that has never taken part
    shared: Any  # the one model for everybody; None where there is none
    equipped: Any  # the same with its statistics, where it needs them

    @staticmethod
    def of(method: Method, problem: Problem, w: Tensor, clients: int) -> Downs:
        """Those of this method, started from w [P]."""
        shares = torch.full((clients,), 1 / clients, dtype=w.dtype, device=w.device)
        server = method.init_server(problem, w, Population(clients, shares))
        first = torch.zeros((), dtype=torch.int64, device=w.device)
        shared = method.global_model(server)
        equipped = shared
        if isinstance(method, RecomputeStatistics) and shared is not None:
            equipped = ModelWithStatistics(shared, problem.start_statistics)
        return Downs(
            method.broadcast(server, first),
            method.deliver(server, first),
            method.introduce(server),
            shared,
            equipped,
        )


def up_of(method: Method, problem: Problem, x: Tensor, y: Tensor, clients: int) -> Any:
    """What a client answers, found out with one sample of zeros: x [1, ...], y [1] or [1, C]."""
    one, none = Ragged.of(np.arange(1), np.array([1])), Ragged.of(np.arange(0), np.array([0]))
    federation = Federation(
        x=x,
        y=y,
        x_test=x[:0],
        y_test=y[:0],
        train=one,
        validation=none,
        test=none,
        names=("nobody",),
        newcomers=np.zeros(1, dtype=bool),
        pooled_test=np.arange(0),
        classes=1,
        task="classes",
    )
    engine = LocalEngine(
        method, problem, federation, seed=0, batch_size=1, epochs=1, plan=ONE_BY_ONE
    )
    down = Downs.of(engine.method, engine.problem, engine.w, clients).trained
    batch = map_tree(lambda leaf: leaf[None], down)
    ups = engine.train(1, np.arange(1), batch).ups
    return map_tree(lambda leaf: leaf.new_zeros(leaf.shape[1:]), ups)


def counts(tally: Tally) -> Any:
    """A tally as a tree of tensors."""
    return Tally(*(torch.from_numpy(column) for column in tally))  # type: ignore[arg-type]


def tally_of(tree: Any) -> Tally:
    """The inverse of `counts`."""
    return Tally(*(column.numpy() for column in tree))


EMPTY_COUNTS = counts(Tally(*(np.zeros(0) for _ in Tally._fields)))
