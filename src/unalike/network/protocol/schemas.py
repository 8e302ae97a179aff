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
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.functional.trees import map_tree
from unalike.tasks import Sums, Task
from unalike.tasks.sums import mapped

SINGLE_CLIENT = Plan("single", chunk=1, threads=1)


@dataclass(frozen=True)
class DownSchemas:
    """What a server with N clients sends: trees whose numbers are not to be read."""

    training: Any  # to train from
    prediction: Any  # to predict with
    new_client: Any  # to a client that has never taken part
    shared: Any  # the one model for everybody; None where there is none
    shared_with_buffers: Any  # the same with its statistics, where it needs them

    @staticmethod
    def of(method: Method, problem: Problem, w: Tensor, clients: int) -> DownSchemas:
        """Those of this method, started from w [P]."""
        shares = torch.full((clients,), 1 / clients, dtype=w.dtype, device=w.device)
        server = method.init_server(problem, w, Population(clients, shares))
        first = torch.zeros((), dtype=torch.int64, device=w.device)
        shared = method.global_model(server)
        with_buffers = shared
        if isinstance(method, RecomputeStatistics) and shared is not None:
            with_buffers = ModelWithStatistics(shared, problem.start_statistics)
        return DownSchemas(
            method.broadcast(server, first),
            method.deliver(server, first),
            method.introduce(server),
            shared,
            with_buffers,
        )


def up_schema(
    method: Method, problem: Problem, x: Tensor, y: Tensor, task: Task, clients: int
) -> Any:
    """What a client answers, found out with one sample of zeros: x [1, ...], y [1, ...]."""
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
        task=task,
    )
    engine = LocalEngine(
        method, problem, federation, seed=0, batch_size=1, epochs=1, plan=SINGLE_CLIENT
    )
    down = DownSchemas.of(engine.method, engine.problem, engine.w, clients).training
    batch = map_tree(lambda leaf: leaf[None], down)
    ups = engine.train(1, np.arange(1), batch).ups
    return map_tree(lambda leaf: leaf.new_zeros(leaf.shape[1:]), ups)


def tree_of_sums(sums: Sums) -> Any:
    """What a group of samples tells, as a tree of tensors."""
    return mapped(torch.from_numpy, sums)


def sums_of(tree: Any) -> Sums:
    """The inverse of `tree_of_sums`."""
    sums: Sums = mapped(Tensor.numpy, tree)
    return sums
