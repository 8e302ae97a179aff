"""The ways in which a client goes through its batches.

Methods call these instead of a bare `for`, so that clients with different amounts of work can
be stacked: padding has no effect on any of them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from unalike.functional.gradient_count import gradient_cost
from unalike.functional.running_statistics import current_statistics
from unalike.functional.stack import Stack, stack_of

from .batches import Batch, Batches
from .plain_descent import plain_descent
from .solver_memory import begin_solver, end_solver
from .solvers import Solver
from .stacked_steps import (
    StackedPath,
    descend_stacked,
    retrace_stacked,
    trace_stacked,
    values_stacked,
    where,
)

Carry = TypeVar("Carry")


class Iterate(NamedTuple):
    """Where a local solver stands."""

    w: Tensor  # [P]
    state: Any


def descend(
    step: Callable[[Carry, Any], Carry],
    start: Carry,
    batches: Batches,
    *,
    in_place: Callable[[Carry, Any], Carry] | None = None,
) -> Carry:
    """Apply `step(carry, batch) -> carry` once per local step; the carry is any tree.

    in_place: `step`, but allowed to overwrite the carry that an earlier step has made. Either may
    also be applied for a client that has no step left, whose result is then thrown away.
    """
    stack = _stack(batches)
    if stack is not None:
        return descend_stacked(step, in_place, start, batches.schedule(), stack)
    here: Carry = start
    ours = False
    for batch, active, samples in batches:
        apply = in_place if in_place and ours and active is None else step
        with gradient_cost(samples):
            there = apply(here, batch)
        here = there if active is None else where(active, there, here)
        ours = not torch.is_grad_enabled()
    return here


def _stack(batches: Batches) -> Stack | None:
    """The stack of clients whose steps are done in ever smaller ones; None where there is none, or
    where each has to be seen as it is."""
    stack = stack_of(batches.size)
    if torch.is_grad_enabled() or current_statistics() is not None:
        return None
    return stack


class TracedStep(NamedTuple):
    """A local step on record."""

    here: Any  # the carry before the step
    batch: Any
    active: Tensor | None
    samples: int


Path = list[TracedStep] | StackedPath
"""The way of a client, or of a stack of them; see `trace`."""


def trace(
    step: Callable[[Carry, Any], Carry], start: Carry, batches: Batches
) -> tuple[Carry, Path]:
    """`descend` that also returns the path, for `retrace`: one carry of memory per step."""
    stack = _stack(batches)
    if stack is not None:
        return trace_stacked(step, start, batches.schedule(), stack)
    here: Carry = start
    path: list[TracedStep] = []
    for batch, active, samples in batches:
        path.append(TracedStep(here, batch, active, samples))
        with gradient_cost(samples):
            there = step(here, batch)
        here = there if active is None else where(active, there, here)
    return here, path


def retrace(
    step: Callable[[Carry, Any, Any], Carry],
    start: Carry,
    path: Path,
    *,
    in_place: Callable[[Carry, Any, Any], Carry] | None = None,
) -> Carry:
    """Apply `step(carry, here, batch) -> carry` along a traced path, last local step first.

    in_place: as for `descend`.
    """
    if isinstance(path, StackedPath):
        return retrace_stacked(step, in_place, start, path)
    carry: Carry = start
    ours = False
    for here, batch, active, samples in reversed(path):
        apply = in_place if in_place and ours and active is None else step
        with gradient_cost(samples):
            before = apply(carry, here, batch)
        carry = before if active is None else where(active, before, carry)
        ours = not torch.is_grad_enabled()
    return carry


def optimise(
    solver: Solver, direction: Callable[[Tensor, Any], Tensor], start: Tensor, batches: Batches
) -> Tensor:
    """Follow `direction(w, batch) -> [P]` downhill with a local solver, from `start` [P] on.

    `direction` must keep neither w nor what it returns: the next step may write over both. Where
    it is the gradient of a problem, with what `proximal` and `corrected` add to it, stacked clients
    go through all steps at once; where the solver only scales and adds, a step is one function.
    """
    plain = plain_descent(solver, direction)

    def step(here: Iterate, batch: Any, *, over: bool = False) -> Iterate:
        if plain is not None:
            return Iterate(*plain.step(here.w, here.state, batch, over=over))
        move = solver.step_in_place if over else solver.step
        return Iterate(*move(here.w, direction(here.w, batch), here.state))

    begun = Iterate(start, begin_solver(solver, start))
    found = None if plain is None else plain.through(*begun, batches)
    if found is None:
        found = descend(step, begun, batches, in_place=partial(step, over=True))
    end = Iterate(*found)
    end_solver(end.state)
    return end.w


def average(fn: Callable[[Batch], Tensor], batches: Batches) -> Tensor:
    """Mean of `fn(batch)` over the client's samples; zero where it has none.

    `fn` is itself a mean over its batch: of losses [], gradients [P], or anything else.
    """
    steps = list(batches.schedule_in_order())
    if not steps:
        return torch.zeros_like(batches.size, dtype=batches.dtype)
    first, *rest = steps
    batch = first.batch()
    with gradient_cost(first.samples):
        value = fn(batch)
    if batches.in_one_batch:
        return value

    def part(value: Tensor, batch: Batch) -> Tensor:
        return value * (batch.weight.sum() / batches.size.clamp(min=1))

    def more(total: Tensor, batch: Batch) -> Tensor:
        return total + part(fn(batch), batch)

    def more_in_place(total: Tensor, batch: Batch) -> Tensor:
        return total.add_(part(fn(batch), batch))

    total, stack = part(value, batch), _stack(batches)
    if stack is not None:
        return descend_stacked(more, more_in_place, total, rest, stack)
    for step in rest:
        with gradient_cost(step.samples):
            total = more(total, step.batch())
    return total


def each_sample(fn: Callable[[Batch], Tensor], batches: Batches, *, none: Tensor) -> Tensor:
    """`fn(batch) -> [..., B]` of all samples: [..., n], each at its `position`; then padding.

    none: what comes back where no client has a sample.
    """
    stack = _stack(batches)
    if stack is not None:
        values = values_stacked(fn, batches.schedule_in_order(), stack)
        return torch.cat(values, -1) if values else none
    values = []
    for batch, _, samples in batches.in_order():
        with gradient_cost(samples):
            values.append(fn(batch))
    return torch.cat(values, -1) if values else none
