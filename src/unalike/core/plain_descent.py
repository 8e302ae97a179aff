"""Local steps along a known gradient, by a solver that does the same to each number of w.

Where it only scales and adds, such a step is one function of w and the batch; with momentum it is
one of v, and w follows. Stacked clients go through all of theirs on what their tensors hold:
weights and samples are taken out of the stack once, so that `vmap` does not look at every operation
of every step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from unalike.functional.gradient_count import gradient_cost
from unalike.functional.running_statistics import current_statistics
from unalike.functional.stack import (
    Held,
    Stack,
    WithoutStacks,
    held_by,
    is_plain,
    rows_of,
    stack_of,
    stacked,
)
from unalike.functional.trees import leaves, map_tree

from .batches import Batch, Batches
from .directions import Direction
from .gradient_steps import SteppedGradient, Terms, number_like
from .problem import Problem, WholeGradient
from .solvers import MomentumState, SGDState, Solver
from .stacked_steps import runs_of
from .step_schedule import Gather

Knowledge = tuple[tuple[Tensor, ...], ...]
"""What an epoch knows of all clients' samples for each batch of a step, [S, ...] each."""


class StackedStep(NamedTuple):
    """A step of stacked clients, of whom the first `last` take it."""

    gather: Gather
    epoch: Knowledge
    samples: int
    last: int

    def batch(self, clients: int) -> Any:
        """That of the first clients, [clients, B, ...], or as many as the step draws."""
        drawn = tuple(
            Batch(*self.gather.part(*(known[:clients] for known in each))) for each in self.epoch
        )
        return drawn if len(drawn) > 1 else drawn[0]


class Moving(NamedTuple):
    """Where clients stand: rows [S, P] of their weights, and what their solver remembers."""

    w: Tensor
    state: Any = SGDState()


class StepConstants(NamedTuple):
    """What steps of stacked clients need beside weights and samples."""

    frozen: tuple[Held, ...]
    terms: tuple[Held, ...]
    added: dict[str, Held]  # what a direction adds to its gradient, by field

    def first(self, count: int) -> StepConstants:
        """That of the first clients."""
        frozen, terms = (tuple(one.first(count) for one in each) for each in self[:2])
        return StepConstants(frozen, terms, {n: one.first(count) for n, one in self.added.items()})


@dataclass(frozen=True)
class PlainDescent:
    """Steps of a solver along a gradient and what is added to it."""

    gradient: SteppedGradient
    direction: Direction
    solver: Solver

    @property
    def scale(self) -> float:
        """By which a step of a solver that only scales and adds is multiplied."""
        return self.solver.scale or 0.0

    def step(self, w: Tensor, state: Any, batch: Batch, *, over: bool) -> tuple[Tensor, Any]:
        """w [P] and the solver's state after one; `over`: both may be written over."""
        if self.solver.scale is None:
            move = self.solver.step_in_place if over else self.solver.step
            return move(w, self.direction(w, batch), state)
        if not isinstance(state, MomentumState):
            terms = self.terms(w)
            return self.gradient.descend(w, batch, self.scale, terms=terms, over=over), state
        memory = self.solver.memory
        v = state.v.mul_(memory) if over else state.v * memory
        more = self.direction.terms(w)
        v = v if more is None else v + more
        v = self.gradient.descend(v, batch, 1.0, at=w, over=True)
        moved = w.add_(v, alpha=self.scale) if over else torch.add(w, v, alpha=self.scale)
        return moved, MomentumState(v)

    def terms(self, w: Tensor) -> Terms:
        """What a step without momentum adds to w [P] beside the gradient."""
        added = self.direction
        shift = None if added.correction is None else self.scale * added.correction
        if added.centre is None:
            return Terms(shift=shift)
        weight = added.weight
        weight = weight if isinstance(weight, Tensor) else number_like(weight, w)
        return Terms(added.centre, -self.scale * weight, shift)

    def through(self, start: Tensor, state: Any, batches: Batches) -> tuple[Tensor, Any] | None:
        """w [P] and the state after all of a stacked client's steps from `start` [P] on.

        None where clients are not stacked, or a step is more than that: with running statistics,
        random draws, or clients without it among those who take it.
        """
        stack = stack_of(batches.size)
        if stack is None or torch.is_grad_enabled() or current_statistics() is not None:
            return None
        if self.gradient.steps is None:
            return None
        begun = Moving(start, state)
        moving = map_tree(lambda leaf: _rows(leaf, stack), begun)
        constants = self._constants(start, stack)
        if not all(map(is_plain, leaves(moving))):
            return None
        scheduled = list(batches.schedule())
        epochs: dict[int, Knowledge] = {}
        steps: list[StackedStep] = []
        for one in scheduled:
            if one.gather is None or one.takers < one.last:
                return None
            place = id(one.gather.epoch)
            if place not in epochs:
                epochs[place] = tuple(
                    tuple(rows_of(known, stack) for known in each) for each in one.gather.epoch
                )
            steps.append(StackedStep(one.gather, epochs[place], one.samples, one.last))
        with WithoutStacks():
            rows = map_tree(_own, moving)
            done = 0
            for run in runs_of(scheduled, stack.size):
                first = map_tree(lambda leaf, size=run.size: leaf[:size], rows)
                own = steps[done : done + len(run.steps)]
                map_tree(_keep, first, self._in_one_stack(first, own, constants.first(run.size)))
                done += len(run.steps)
        return map_tree(
            lambda leaf, before: stacked(leaf.view(stack.size, *before.shape), stack), rows, begun
        )

    def _in_one_stack(
        self, here: Moving, steps: list[StackedStep], constants: StepConstants
    ) -> Moving:
        """The rows [S, ...] of clients, to be written over, after these steps; rows of clients who
        have left are put back."""
        count = last = len(here.w)
        left: Moving | None = None
        for step in steps:
            if step.last > last:
                _put_back(here, left, last)
                last = count
            if step.last < last:
                left = map_tree(torch.empty_like, here) if left is None else left
                for kept, each in zip(leaves(left), leaves(here), strict=True):
                    kept[step.last : last] = each[step.last : last]
                last = step.last
            with gradient_cost(step.samples):
                here = self._step_of_rows(here, step.batch(count), constants)
        if last < count:
            _put_back(here, left, last)
        return here

    def _step_of_rows(self, here: Moving, batch: Any, constants: StepConstants) -> Moving:
        w, state = here
        descend, frozen = self.gradient.descend_rows, constants.frozen
        if isinstance(state, SGDState):
            kind = self.direction.centre is not None, self.direction.correction is not None
            terms = constants.terms
            return Moving(descend(w, batch, self.scale, kind=kind, terms=terms, frozen=frozen))
        own: dict[str, Any] = {name: held.tensor for name, held in constants.added.items()}
        goes_on = isinstance(state, MomentumState)
        v = state.v.mul_(self.solver.memory) if goes_on else torch.zeros_like(w)
        more = replace(self.direction, **own).terms(w)
        if more is not None:
            v.add_(more)
        v = descend(v, batch, 1.0, at=w, frozen=frozen)
        if goes_on:
            return Moving(w.add_(v, alpha=self.scale), MomentumState(v))
        return Moving(*self.solver.step_in_place(w, v, state))

    def _constants(self, w: Tensor, stack: Stack) -> StepConstants:
        """What the steps need, without its stack; a client's weight for its row of w [S, P]."""
        added = {
            name: held_by(value, stack)
            for name, value in vars(self.direction).items()
            if isinstance(value, Tensor)
        }
        if "weight" in added and added["weight"].dim == 0:
            added["weight"] = Held(added["weight"].tensor[:, None], 0)
        frozen = self.gradient.frozen
        terms = [] if self.solver.scale is None else self.terms(w).given
        return StepConstants(
            tuple(held_by(one, stack) for one in frozen),
            tuple(held_by(one, stack) for one in terms),
            added,
        )


def _put_back(here: Moving, left: Moving | None, last: int) -> None:
    """Rows from `last` on hold what they had when their clients left."""
    for each, kept in zip(leaves(here), leaves(left), strict=True):
        each[last:] = kept[last:]


def _rows(leaf: Tensor, stack: Stack) -> Tensor:
    """What stands for the numbers of w [S, P], or is one number for all of them [S, 1]."""
    rows = rows_of(leaf, stack)
    return rows[:, None] if leaf.dim() == 0 else rows


def _own(rows: Tensor) -> Tensor:
    return rows.clone(memory_format=torch.contiguous_format)


def _keep(place: Tensor, rows: Tensor) -> Tensor:
    """The place, in which these rows lie."""
    return place if rows.data_ptr() == place.data_ptr() else place.copy_(rows)


def plain_descent(solver: Solver, direction: Any) -> PlainDescent | None:
    """What this solver does along this direction, where it is plain descent.

    A gradient that a class of somebody's own has put in the place of its problem's is another
    direction.
    """
    whole = direction if isinstance(direction, Direction) else Direction(direction)
    gradient = _stepped(whole.gradient)
    if gradient is None or (solver.scale is None and not solver.by_number):
        return None
    return PlainDescent(gradient, whole, solver)


def _stepped(gradient: Any) -> SteppedGradient | None:
    if isinstance(gradient, SteppedGradient):
        return gradient
    if getattr(gradient, "__func__", None) is Problem.grad:
        return WholeGradient(gradient.__self__)
    return None
