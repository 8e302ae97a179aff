"""What a client keeps from round to round beside its method's state: steps done, and momentum.

Where batches go on over rounds, a count of steps says where; where momentum lasts, its buffers are
kept. Otherwise clients keep what their method keeps, and nothing here is in the way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Batches, Method, Problem
from unalike.core.local_work import LocalWork
from unalike.core.solver_memory import SolverMemory, solvers_remember


class ClientProgress(NamedTuple):
    """A client's private state."""

    method: Any
    steps: Tensor  # [] int64, local steps done
    momentum: Tensor  # [all local solvers' weights]; [0] where it does not last


class LocalProgress:
    """How states of clients are read and made under a study's local work."""

    def __init__(self, method: Method, problem: Problem, w: Tensor, work: LocalWork) -> None:
        self._method = method
        self._kept = work.goes_on or work.momentum is not None
        starts = method.solver_starts(problem, w) if work.momentum is not None else ()
        self._sizes = [len(start) for start in starts]
        self._lasts = work.momentum is not None

    def fresh(self, state: Any, w: Tensor) -> Any:
        """The private state before any round, from that of the method."""
        if not self._kept:
            return state
        steps = torch.zeros((), dtype=torch.int64, device=w.device)
        return ClientProgress(state, steps, w.new_zeros(sum(self._sizes)))

    def of_method(self, state: Any) -> Any:
        """What the method keeps."""
        return state.method if self._kept else state

    def steps(self, states: Any, clients: int) -> NDArray[np.int64]:
        """Local steps done by each of these clients [S]."""
        if not self._kept:
            return np.zeros(clients, np.int64)
        done: NDArray[np.int64] = states.steps.cpu().numpy()
        return done

    def client_update(
        self, method: Method, problem: Problem, down: Any, state: Any, batches: Batches
    ) -> tuple[Any, Any]:
        """A client's round of work: (its next private state, what travels back)."""
        if not self._kept:
            client, up = method.client_update(problem, down, state, batches)
            return client, up
        steps = state.steps + batches.steps
        if not self._lasts:
            client, up = method.client_update(problem, down, state.method, batches)
            return ClientProgress(client, steps, state.momentum), up
        memory = SolverMemory(method.name, state.momentum, self._sizes)
        with solvers_remember(memory):
            client, up = method.client_update(problem, down, state.method, batches)
        return ClientProgress(client, steps, memory.kept), up
