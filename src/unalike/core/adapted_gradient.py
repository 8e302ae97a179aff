"""The gradient at weights that have been adapted first (the first-order form of MAML)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from unalike.functional.stack import Held

from .gradient_steps import NO_TERMS, GradientSteps, SteppedGradient, Terms
from .problem import Problem, WholeGradient


@dataclass(frozen=True)
class AdaptedGradient(SteppedGradient):
    """The gradient on the second of two batches, at w - rate g(w), g being that on the first."""

    problem: Problem
    rate: float

    def __call__(self, w: Tensor, batch: Any) -> Tensor:
        adapt, query = batch
        return self.problem.grad(self.problem.descend(w, adapt, -self.rate), query)

    @property
    def steps(self) -> GradientSteps | None:
        return self._whole.steps

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
        adapt, query = batch
        adapted = self._whole.descend(w if at is None else at, adapt, -self.rate)
        return self._whole.descend(w, query, scale, at=adapted, terms=terms, over=over)

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
        adapt, query = batch
        here = (rows if at is None else at).clone()
        adapted = self._whole.descend_rows(here, adapt, -self.rate)
        return self._whole.descend_rows(rows, query, scale, at=adapted, kind=kind, terms=terms)

    @property
    def _whole(self) -> WholeGradient:
        return WholeGradient(self.problem)
