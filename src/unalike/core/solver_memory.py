"""What local solvers remember from one round of a client to the next.

A client's work uses its solvers in an order that is always the same, and `Method.solver_starts`
says from where each begins. So their momentum is one flat vector, one piece for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from unalike.errors import InputError

from .solvers import MomentumState, Solver


class SolverMemory:
    """The momentum of a client's solvers: what was kept, and what is to be kept."""

    def __init__(self, user: str, kept: Tensor, sizes: Sequence[int]) -> None:
        """kept [sum of sizes]: of earlier rounds; user: the method, for messages."""
        self._user = user
        self._pieces = list(kept.split(list(sizes)))
        self._begun = self._ended = 0

    def begin(self, solver: Solver, start: Tensor) -> Any:
        """The state with which the next solver begins at `start` [n]."""
        fresh = solver.init(start)
        here = self._begun
        if here == len(self._pieces) or self._pieces[here].shape != start.shape:
            raise self._untold(here + 1)
        self._begun += 1
        return MomentumState(self._pieces[here]) if isinstance(fresh, MomentumState) else fresh

    def end(self, state: Any) -> None:
        """Keep what a solver remembers; those that began first end first."""
        if isinstance(state, MomentumState):
            self._pieces[self._ended] = state.v
        self._ended += 1

    @property
    def kept(self) -> Tensor:
        """What the solvers remember now: [sum of sizes].

        Raises:
            InputError: not all of them have begun and ended here.
        """
        if self._ended < len(self._pieces):
            raise self._untold(self._ended + 1)
        return torch.cat(self._pieces)

    def _untold(self, number: int) -> InputError:
        return InputError(
            f"{self._user} cannot keep momentum over rounds: its solver_starts and the local "
            f"solvers that it uses differ from number {number} on; use optimise, or begin_solver "
            "and end_solver."
        )


_current: ContextVar[SolverMemory | None] = ContextVar("solver memory", default=None)


@contextmanager
def solvers_remember(memory: SolverMemory) -> Iterator[None]:
    """Solvers that are used inside the block go on from this memory, and leave theirs in it."""
    before = _current.set(memory)
    try:
        yield
    finally:
        _current.reset(before)


def begin_solver(solver: Solver, start: Tensor) -> Any:
    """The state with which a solver begins at `start` [n]: fresh, or as it was left last round."""
    memory = _current.get()
    return solver.init(start) if memory is None else memory.begin(solver, start)


def end_solver(state: Any) -> None:
    """The solver has done its work of this round."""
    memory = _current.get()
    if memory is not None:
        memory.end(state)
