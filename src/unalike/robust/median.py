"""Coordinate-wise median.

In every coordinate the m that minimises sum w_i |u_i - m|; where that is an interval, its middle.

Source     Yin et al., ICML 2018, definition 1 (arXiv:1803.01498), for equal weights; the weighted
           median is the minimiser above
Assumes    honest answers that lie close to one another in every coordinate. Where fewer than half
           of the clients move a coordinate at all, as with rare classes, its median is zero.
Breakdown  1/2 of the weight: below it the median lies between honest answers, coordinate by
           coordinate
Leaves     each coordinate by itself, so it does not matter how they are joined
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from torch import Tensor

from .coordinates import ROUNDING, by_coordinate
from .rule import Rule, Weighted


class CoordinateMedian(Rule):
    """The weighted median of every coordinate."""

    meaning: ClassVar[str] = "takes the weighted median of the answers in every coordinate"

    kind: Literal["median"] = "median"

    def apply(self, answers: Weighted, memory: Any) -> tuple[Weighted, Any]:
        return by_coordinate(answers, weighted_median), memory


def weighted_median(values: Tensor, weights: Tensor) -> Tensor:
    """Of values [S, D], sorted along S, with weights [S, D] that sum to 1: [D]."""
    below = weights.cumsum(0)
    last = len(values) - 1
    lower = (below < 0.5 - ROUNDING).sum(0, keepdim=True).clamp(max=last)
    upper = (below <= 0.5 + ROUNDING).sum(0, keepdim=True).clamp(max=last)
    return ((values.gather(0, lower) + values.gather(0, upper)) / 2)[0]
