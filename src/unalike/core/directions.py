"""Directions of local steps: a gradient, and what methods add to it.

    g(w) + weight (w - centre) + correction

They are functions of w and a batch like any other. What is added is known to local solvers, which
make it a part of the step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from .batches import Batch


@dataclass(frozen=True)
class Direction:
    """A gradient with a proximal term, a correction, or both; see `proximal` and `corrected`."""

    gradient: Callable[[Tensor, Batch], Tensor]
    centre: Tensor | None = None  # [P]
    weight: float | Tensor = 0.0  # [] of the way to the centre
    correction: Tensor | None = None  # [P]

    def __call__(self, w: Tensor, batch: Batch) -> Tensor:
        """The direction [P] at w [P]; it is the caller's own."""
        g, more = self.gradient(w, batch), self.terms(w)
        return g if more is None else g.add_(more)

    def terms(self, w: Tensor) -> Tensor | None:
        """What is added to the gradient at w [P]; None where nothing is."""
        if self.centre is None:
            return self.correction
        pull = (w - self.centre) * self.weight
        return pull if self.correction is None else pull + self.correction


def proximal(
    gradient: Callable[[Tensor, Batch], Tensor], centre: Tensor, weight: float | Tensor
) -> Direction:
    """The direction gradient(w, batch) + weight (w - centre) [P].

    It leads downhill on the loss and weight / 2 |w - centre|^2; the weight is a number or [].
    """
    return Direction(gradient, centre, weight)


def corrected(gradient: Callable[[Tensor, Batch], Tensor], correction: Tensor) -> Direction:
    """The direction gradient(w, batch) + correction [P], which is the same at all steps.

    `gradient` may have a proximal term.
    """
    if isinstance(gradient, Direction) and gradient.correction is None:
        return replace(gradient, correction=correction)
    return Direction(gradient, correction=correction)
