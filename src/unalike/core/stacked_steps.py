"""Local steps of stacked clients, of whom some are done before others.

Clients with the most steps come first in a stack. While all take part a step is done for the whole
stack; then those who are done leave it, and the rest goes on in smaller stacks. What a client gets
does not depend on the stack that it is in, as long as there are two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from unalike.functional.gradient_count import gradient_cost
from unalike.functional.stack import Stack, leading, rows_of, stacked
from unalike.functional.trees import map_tree

from .step_schedule import ScheduledStep

Carry = TypeVar("Carry")
Step = Callable[[Carry, Any], Carry]
StepBack = Callable[[Carry, Any, Any], Carry]

SIZES = (2, *(size for k in range(1, 20) for size in (3 << (k - 1), 4 << (k - 1))))
"""Stacks that are made of a larger one, 2, 3, 4, 6, 8, 12, ...: each has kernels recorded of its
own, so they are few."""

WORTH = 8
"""Steps of a client that must be saved for a smaller stack to pay."""


class Run(NamedTuple):
    """Steps that are done in one stack."""

    size: int  # of the stack
    steps: list[ScheduledStep]


class TracedRun(NamedTuple):
    """Steps that were done in one stack."""

    run: Run
    before: list[Any]  # the carry before each, [size, ...] and plain


class StackedPath(NamedTuple):
    """The way of the clients of a stack."""

    stack: Stack
    runs: list[TracedRun]


def descend_stacked(
    step: Step[Carry],
    in_place: Step[Carry] | None,
    start: Carry,
    steps: Iterable[ScheduledStep],
    stack: Stack,
) -> Carry:
    """`descend` for the clients of a stack."""
    here, ours = start, False
    for run in runs_of(steps, stack.size):

        def go_on(carry: Carry, within: Stack, steps: Any = run.steps, ours: bool = ours) -> Carry:
            return _in_one_stack(step, in_place, carry, steps, within, ours=ours)

        here = _of_first(run.size, stack, go_on, here, ours=ours and in_place is not None)
        ours = True
    return here


def trace_stacked(
    step: Step[Carry], start: Carry, steps: Iterable[ScheduledStep], stack: Stack
) -> tuple[Carry, StackedPath]:
    """`trace` for the clients of a stack."""
    here, runs = start, []
    for run in runs_of(steps, stack.size):
        runs.append(TracedRun(run, []))
        here = _of_first(run.size, stack, partial(_traced, step, runs[-1]), here, ours=False)
    return here, StackedPath(stack, runs)


def _traced(step: Step[Carry], traced: TracedRun, start: Carry, within: Stack) -> Carry:
    """The carry after the steps of a run, in which what was before each is noted."""

    def noting(carry: Carry, batch: Any) -> Carry:
        traced.before.append(map_tree(lambda leaf: rows_of(leaf, within), carry))
        return step(carry, batch)

    return _in_one_stack(noting, None, start, traced.run.steps, within, ours=False)


def retrace_stacked(
    step: StepBack[Carry], in_place: StepBack[Carry] | None, start: Carry, path: StackedPath
) -> Carry:
    """`retrace` for the clients of a stack."""
    carry, ours = start, False
    for traced in reversed(path.runs):
        back = partial(_retraced, step, in_place, traced, ours)
        may_overwrite = ours and in_place is not None
        carry = _of_first(traced.run.size, path.stack, back, carry, ours=may_overwrite)
        ours = True
    return carry


def _retraced(
    step: StepBack[Carry],
    in_place: StepBack[Carry] | None,
    traced: TracedRun,
    ours: bool,
    start: Carry,
    within: Stack,
) -> Carry:
    """The carry after the steps of a run, gone back."""

    def met(before: Any, scheduled: ScheduledStep) -> tuple[Any, Any]:
        return map_tree(lambda rows: stacked(rows, within), before), scheduled.batch()

    steps = [
        scheduled._replace(batch=partial(met, before, scheduled))
        for before, scheduled in zip(traced.before, traced.run.steps, strict=True)
    ]
    over = None if in_place is None else partial(_back, in_place)
    return _in_one_stack(partial(_back, step), over, start, steps[::-1], within, ours=ours)


def _back(step: StepBack[Carry], carry: Carry, met: tuple[Any, Any]) -> Carry:
    """The carry before a step whose carry and batch were met."""
    return step(carry, *met)


def values_stacked(
    fn: Callable[[Any], Tensor], steps: Iterable[ScheduledStep], stack: Stack
) -> list[Tensor]:
    """`fn` of each step's batch, of one shape; zero for clients who are not asked any more."""
    values: list[Tensor] = []

    def asked(scheduled: ScheduledStep, _: Any = None, within: Any = None) -> Tensor:
        with gradient_cost(scheduled.samples):
            return fn(scheduled.batch())

    for scheduled in steps:
        if values:
            size, none = _stack_size(scheduled.last, stack.size), torch.zeros_like(values[0])
            value = _of_first(size, stack, partial(asked, scheduled), none, ours=False)
        else:
            value = asked(scheduled)
        values.append(value)
    return values


def _of_first(
    size: int, stack: Stack, work: Callable[[Carry, Stack], Carry], carry: Carry, *, ours: bool
) -> Carry:
    """The carry after `work(carry, their stack)` of the first clients, who may be all."""
    if size == stack.size:
        return work(carry, stack)
    return leading(size, stack, work, carry, ours=ours)


def runs_of(steps: Iterable[ScheduledStep], clients: int) -> list[Run]:
    """The steps in order, those that are done in one stack together."""
    runs: list[Run] = []
    for size, some in groupby(steps, lambda step: _stack_size(step.last, clients)):
        own = list(some)
        if size == 0:
            continue
        before = runs[-1].size if runs else clients
        if size < before and (before - size) * len(own) < WORTH:
            size = before
        if runs and runs[-1].size == size:
            runs[-1].steps.extend(own)
        else:
            runs.append(Run(size, own))
    return runs


def _stack_size(clients: int, most: int) -> int:
    """The smallest stack for these, none of nobody."""
    if clients == 0:
        return 0
    return min(most, next(size for size in SIZES if size >= clients))


def _in_one_stack(
    step: Step[Carry],
    in_place: Step[Carry] | None,
    start: Carry,
    steps: list[ScheduledStep],
    stack: Stack,
    *,
    ours: bool,
) -> Carry:
    """The first `last` clients of the stack take a step; what the others get is put right later."""
    here = start
    done: list[tuple[slice, Any]] = []  # clients who have left, and what they held

    def put_back(carry: Carry) -> Carry:
        for clients, kept in reversed(done):
            carry = _with_rows(carry, clients, kept, stack, ours=in_place is not None)
        done.clear()
        return carry

    last = stack.size
    for scheduled in steps:
        if scheduled.last > last:
            here, last = put_back(here), stack.size
        if scheduled.last < last:
            clients = slice(scheduled.last, last)
            done.append((clients, map_tree(lambda leaf, at=clients: _kept(leaf, at, stack), here)))
            last = scheduled.last
        apply = in_place if in_place and ours else step
        masked = scheduled.takers < scheduled.last
        with gradient_cost(scheduled.samples):
            there = (step if masked else apply)(here, scheduled.batch())
        here = where(scheduled.active(), there, here) if masked else there
        ours = True
    return put_back(here)


def where(active: Tensor, new: Any, old: Any) -> Any:
    """The new tree for a client that is active, and else the old one."""
    return map_tree(lambda a, b: torch.where(active, a, b), new, old)


def _kept(leaf: Tensor, clients: slice, stack: Stack) -> Tensor:
    return rows_of(leaf, stack)[clients].clone()


def _with_rows(tree: Any, clients: slice, kept: Any, stack: Stack, *, ours: bool) -> Any:
    """A tree in which these clients hold what was kept of them."""

    def put(leaf: Tensor, old: Tensor) -> Tensor:
        rows = rows_of(leaf, stack)
        if not ours:
            rows = rows.clone()
        rows[clients] = old
        return stacked(rows, stack)

    return map_tree(put, tree, kept)
