"""The gradient on what a problem is shown in place of a batch, such as other weights of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from unalike.functional.stack import Held

from .batches import Batch
from .gradient_steps import GradientSteps, SteppedGradient
from .problem import Problem, WholeGradient


@dataclass(frozen=True)
class SeenGradient(SteppedGradient):
    """The gradient of a problem's mean loss on `seen(batch, *frozen)`.

    seen: also of the batches of several clients, [S, B, ...], and their tensors, [S, ...].
    """

    problem: Problem
    seen: Callable[..., Batch]
    frozen: tuple[Tensor, ...]

    def __call__(self, w: Tensor, batch: Batch) -> Tensor:
        return self.problem.grad(w, self.seen(batch, *self.frozen))

    @property
    def steps(self) -> GradientSteps | None:
        return WholeGradient(self.problem).steps

    def rest(self, batch: Batch) -> tuple[Tensor, ...]:
        return tuple(self.seen(batch, *self.frozen))

    def rest_of_rows(self, batch: Batch, frozen: Sequence[Held]) -> list[Held]:
        tensors = (one.of_each(len(batch.weight)) for one in frozen)
        return super().rest_of_rows(self.seen(batch, *tensors), ())
