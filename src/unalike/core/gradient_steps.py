"""Whole steps of descent along a gradient, each kind of step a function on record.

A step leads from w to w + scale g(w); it may also lead a share of the way to a centre, and by a
shift. All of it is one function of w, so that what is added beside the gradient costs one pass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from unalike.functional.gradient_count import record_gradient
from unalike.functional.stack import Held
from unalike.functional.traced_function import Base, Descent, TracedFunction


class Terms(NamedTuple):
    """What a step adds to w beside the gradient: share (centre - w), and then shift."""

    centre: Tensor | None = None  # [P]
    share: Tensor | None = None  # []
    shift: Tensor | None = None  # [P]

    @property
    def given(self) -> list[Tensor]:
        """Those that there are."""
        return [term for term in self if term is not None]

    def added(self, w: Tensor) -> Tensor:
        """w [P] and the terms; w itself where there are none."""
        return _BASES[self.kind].of(w, *self.given)

    @property
    def kind(self) -> tuple[bool, bool]:
        """Whether there is a centre, and whether there is a shift."""
        return self.centre is not None, self.shift is not None


NO_TERMS = Terms()

_BASES = {
    (False, False): Base(0, lambda w: w),
    (True, False): Base(2, torch.lerp),
    (False, True): Base(1, torch.add),
    (True, True): Base(3, lambda w, centre, share, shift: torch.lerp(w, centre, share) + shift),
}


class GradientSteps:
    """Steps along the gradient of one loss by its first argument."""

    def __init__(
        self,
        traced: Callable[..., TracedFunction],
        loss: Callable[..., Tensor],
        *,
        together: bool,
    ) -> None:
        """traced: makes a function of tensors a traced one, as `Problem.traced_function` does."""
        self._traced, self._loss, self._together = traced, loss, together
        self._functions: dict[tuple[bool, bool, bool], TracedFunction] = {}

    def function(self, *, elsewhere: bool, terms: tuple[bool, bool]) -> TracedFunction:
        """Of w, [where the gradient is,] scale, the terms and the loss's other arguments."""
        kind = elsewhere, *terms
        if kind not in self._functions:
            step = Descent(
                self._loss, together=self._together, elsewhere=elsewhere, base=_BASES[terms]
            )
            self._functions.setdefault(kind, self._traced(step, over=True))
        return self._functions[kind]


class SteppedGradient(ABC):
    """The gradient [P] of a problem's loss by what a client trains, the rest of it frozen."""

    frozen: tuple[Tensor, ...] = ()
    """What is not trained: the arguments of the loss between w and the batch."""

    @abstractmethod
    def __call__(self, w: Tensor, batch: Any) -> Tensor:
        """The gradient [P] at w [P]; it is the caller's own. batch: as many as its steps draw."""

    @property
    @abstractmethod
    def steps(self) -> GradientSteps | None:
        """Its steps on record; None where it cannot be had without its problem."""

    def descend(
        self,
        w: Tensor,
        batch: Any,
        scale: float,
        *,
        at: Tensor | None = None,
        terms: Terms = NO_TERMS,
        over: bool = False,
    ) -> Tensor:
        """w [P], the terms, and scale times the gradient at `at` [P], or at w if not given.

        over: whether w is the caller's own, to be written over if that saves a pass over memory.
        """
        steps = self.steps
        if steps is None:
            g, start = self(w if at is None else at, batch), terms.added(w)
            own = over or start is not w
            return start.add_(g, alpha=scale) if own else torch.add(start, g, alpha=scale)
        found = self.place(w if at is None else at, batch)
        at = at if found is None else found
        record_gradient()
        place = () if at is None else (at,)
        step = steps.function(elsewhere=at is not None, terms=terms.kind)
        number = number_like(scale, w)
        own_w = w if over else w.clone()
        return step(own_w, *place, number, *terms.given, *self.rest(batch))

    def place(self, w: Tensor, batch: Any) -> Tensor | None:
        """Where the loss is asked for its gradient at w [P], if not at w itself."""
        return None

    def place_of_rows(self, rows: Tensor, batch: Any) -> Tensor | None:
        """The same for stacked clients: rows [S, P], which are not written over."""
        return None

    def rest(self, batch: Any) -> tuple[Tensor, ...]:
        """The arguments of the loss after w: what is frozen, and the batch."""
        return (*self.frozen, *batch)

    def rest_of_rows(self, batch: Any, frozen: Sequence[Held]) -> list[Held]:
        """The same for stacked clients, of whose batch the key is nobody's."""
        *parts, key = batch
        return [*frozen, *(Held(part, 0) for part in parts), Held(key, None)]

    def descend_rows(
        self,
        rows: Tensor,
        batch: Any,
        scale: float,
        *,
        at: Tensor | None = None,
        kind: tuple[bool, bool] = NO_TERMS.kind,
        terms: Sequence[Held] = (),
        frozen: Sequence[Held] = (),
    ) -> Tensor:
        """`descend` of stacked clients, on plain tensors: rows [S, P], which are the caller's own
        and may be written over, and batches of S clients without a key.

        Raises:
            ValueError: its steps are not on record.
        """
        if self.steps is None:
            raise ValueError("Only steps on record are done for all clients at once.")
        found = self.place_of_rows(rows if at is None else at, batch)
        at = at if found is None else found
        record_gradient()
        step = self.steps.function(elsewhere=at is not None, terms=kind)
        given = [Held(rows, 0)] if at is None else [Held(rows, 0), Held(at, 0)]
        given.append(Held(number_like(scale, rows), None))
        given += [*terms, *self.rest_of_rows(batch, frozen)]
        return step.mapped(tuple(one.dim for one in given)).run(tuple(one.tensor for one in given))


def number_like(value: float, w: Tensor) -> Tensor:
    """The number as a tensor [] of w's type, on its device."""
    return _number(value, w.dtype, w.device)


@lru_cache(maxsize=256)
def _number(value: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(value, dtype=dtype, device=device)
