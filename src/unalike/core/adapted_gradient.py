"""The gradient at weights that have been adapted first (the first-order form of MAML)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from unalike.functional.stack import Held

from .gradient_steps import GradientSteps, SteppedGradient
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

    def place(self, w: Tensor, batch: Any) -> Tensor:
        return self._whole.descend(w, batch[0], -self.rate)

    def place_of_rows(self, rows: Tensor, batch: Any) -> Tensor:
        return self._whole.descend_rows(rows.clone(), batch[0], -self.rate)

    def rest(self, batch: Any) -> tuple[Tensor, ...]:
        return super().rest(batch[1])

    def rest_of_rows(self, batch: Any, frozen: Sequence[Held]) -> list[Held]:
        return super().rest_of_rows(batch[1], frozen)

    @property
    def _whole(self) -> WholeGradient:
        return WholeGradient(self.problem)
