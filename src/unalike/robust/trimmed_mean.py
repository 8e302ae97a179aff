"""Coordinate-wise trimmed mean.

In every coordinate the share beta of the weight is cut off at either end, and the mean of what is
left is taken. An answer on the edge is cut in part, so that any weights and any beta fit.

Source     Yin et al., ICML 2018, definition 2 (arXiv:1803.01498), for equal weights and whole
           numbers of answers; the cut by weight is ours
Assumes    honest answers that lie close to one another in every coordinate; what is cut off
           belongs to honest clients where nobody is hostile
Breakdown  `share` of the weight: up to it the result lies between honest answers, coordinate by
           coordinate; beyond it what is left over of one hostile answer moves it without bound
Leaves     each coordinate by itself, so it does not matter how they are joined
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from .coordinates import ROUNDING, by_coordinate
from .rule import Rule, Weighted


class TrimmedMean(Rule):
    """The weighted mean of every coordinate without its lowest and highest values."""

    meaning: ClassVar[str] = "leaves the lowest and highest values out of every coordinate's mean"

    kind: Literal["trimmed"] = "trimmed"
    share: Annotated[
        float, Field(ge=0, lt=0.5, description="beta, of the weight, cut off at either end")
    ] = 0.2

    def apply(self, answers: Weighted, memory: Any) -> tuple[Weighted, Any]:
        def location(values: Tensor, weights: Tensor) -> Tensor:
            return trimmed_mean(values, weights, self.share)

        return by_coordinate(answers, location), memory


def trimmed_mean(values: Tensor, weights: Tensor, share: float) -> Tensor:
    """Of values [S, D], sorted along S, with weights [S, D] that sum to 1: [D]."""
    end = weights.cumsum(0)
    begin = end - weights
    kept = end.clamp(max=1 - share) - begin.clamp(min=share)
    kept = torch.where(kept > ROUNDING, kept, 0.0)
    return (kept * values).sum(0) / kept.sum(0)
