"""Geometric median, by the smoothed Weiszfeld algorithm.

    v = argmin sum w_i |u_i - v|;   beta_i <- w_i / max(nu, |u_i - v|),   v <- sum beta_i u_i

Every v after the first is a combination of the answers, so that all of it is arithmetic on
their inner products.

Source     Pillutla et al., IEEE TSP 2022, RFA, algorithm 2 (arXiv:1912.13445), with weights as
           there. Ours: the start is the coordinate-wise median, nu is in units of the usual
           distance from it, and steps are taken until nothing changes, not three times.
Assumes    honest answers around one centre; how far they spread bounds what hostile ones can do
Breakdown  1/2 of the weight: with a share q < 1/2 of it hostile, v lies within
           2 (1 - q) / (1 - 2 q) times the largest distance of an honest answer of any point
Leaves     joined to one vector: an answer is weighed as a whole
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from .geometry import distances_to, inner_products, leaf_scales
from .rule import Rule, Weighted

MOST_STEPS = 1000
LEAST_CHANGE = 1e-10  # of all coefficients together
SMALLEST = 1e-150  # distances below it count as it, so that nothing is divided by zero


class GeometricMedian(Rule):
    """The point of the least weighted sum of distances to the answers."""

    meaning: ClassVar[str] = "takes the geometric median of the answers"

    kind: Literal["geometric-median"] = "geometric-median"
    smoothing: Annotated[
        float, Field(gt=0, lt=1, description="nu, in units of the usual distance of an answer")
    ] = 1e-6

    def apply(self, answers: Weighted, memory: Any) -> tuple[Weighted, Any]:
        products = inner_products(answers.ups, leaf_scales(answers.ups), centred=True)
        return answers._replace(
            weights=weiszfeld(products, answers.weights, self.smoothing)
        ), memory


def weiszfeld(products: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Coefficients [S] of the median among answers with these centred inner products [S, S]."""
    distances = products.diag().clamp(min=0).sqrt()
    least = max(smoothing * float(distances.median()), SMALLEST)
    beta = torch.zeros_like(weights)
    for _ in range(MOST_STEPS):
        before, beta = beta, weights / distances.clamp(min=least)
        beta = beta / beta.sum()
        if float((beta - before).abs().sum()) <= LEAST_CHANGE:
            break
        distances = distances_to(products, beta)
    return beta
