"""Local steps that add a multiple of the gradient to w and nothing else.

Such a step is one function of w and the batch. Stacked clients go through all of theirs on what
their tensors hold: weights and samples are taken out of the stack once, so that `vmap` does not
look at every operation of every step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from unalike.functional.gradient_count import gradient_cost
from unalike.functional.running_statistics import current_statistics
from unalike.functional.stack import WithoutStacks, is_plain, rows_of, stack_of, stacked

from .batches import Batch, Batches
from .problem import Problem
from .solvers import Solver
from .stacked_steps import runs_of
from .step_schedule import Gather

Knowledge = tuple[Tensor, ...]
"""What an epoch knows of all clients' samples, [S, ...] each."""


class StackedStep(NamedTuple):
    """A step of stacked clients, of whom the first `last` take it."""

    gather: Gather
    epoch: Knowledge
    samples: int
    last: int

    def batch(self, clients: int) -> Batch:
        """That of the first clients, [clients, B, ...]."""
        return Batch(*self.gather.part(*(known[:clients] for known in self.epoch)))


class PlainDescent(NamedTuple):
    """Steps w + scale g, where g is the gradient of the problem."""

    problem: Problem
    scale: float

    def step(self, w: Tensor, batch: Batch, *, over: bool) -> Tensor:
        """w [P] after one; `over`: w may be written over."""
        return self.problem.descend(w, batch, self.scale, over=over)

    def through(self, start: Tensor, batches: Batches) -> Tensor | None:
        """w [P] after all of a stacked client's steps from `start` [P] on.

        None where clients are not stacked, or a step is more than that: with running statistics,
        random draws, several batches, or clients without it among those who take it.
        """
        stack = stack_of(batches.size)
        if stack is None or torch.is_grad_enabled() or current_statistics() is not None:
            return None
        if batches.draws or batches.independent > 1 or self.problem.fit.alone is not None:
            return None
        rows = rows_of(start, stack)
        if not is_plain(rows):
            return None
        scheduled = list(batches.schedule())
        epochs: dict[int, Knowledge] = {}
        steps: list[StackedStep] = []
        for one in scheduled:
            if one.gather is None or one.takers < one.last:
                return None
            place = id(one.gather.epoch)
            if place not in epochs:
                epochs[place] = tuple(rows_of(known, stack) for known in one.gather.epoch)
            steps.append(StackedStep(one.gather, epochs[place], one.samples, one.last))
        with WithoutStacks():
            rows, begun = rows.clone(memory_format=torch.contiguous_format), 0
            for run in runs_of(scheduled, stack.size):
                first = rows[: run.size]
                after = self._in_one_stack(first, steps[begun : begun + len(run.steps)])
                if after.data_ptr() != first.data_ptr():
                    first.copy_(after)
                begun += len(run.steps)
        return stacked(rows, stack)

    def _in_one_stack(self, here: Tensor, steps: list[StackedStep]) -> Tensor:
        """The rows [S, P] of clients, to be written over, after these steps; rows of clients who
        have left are put back."""
        count = last = len(here)
        left = here[:0]
        for step in steps:
            if step.last > last:
                here[last:] = left[last:]
                last = count
            if step.last < last:
                left = left if len(left) else torch.empty_like(here)
                left[step.last : last] = here[step.last : last]
                last = step.last
            with gradient_cost(step.samples):
                here = self.problem.descend_rows(here, step.batch(count), self.scale)
        if last < count:
            here[last:] = left[last:]
        return here


def plain_descent(solver: Solver, direction: Any) -> PlainDescent | None:
    """What this solver does along this direction, where it is plain descent.

    A gradient that a class of somebody's own has put in the place of its problem's is another
    direction.
    """
    own = getattr(direction, "__func__", None) is Problem.grad
    if solver.scale is None or not own:
        return None
    return PlainDescent(direction.__self__, solver.scale)
