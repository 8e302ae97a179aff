"""Caps on how much a client weighs and on how long its answer is.

Weight     the largest U such that the heaviest `clients` of the clients have together at most
           `weight` of min(w_i, U); where there is none, all weigh the same
Length     u_i min(1, C / |u_i|), and then C <- C exp(-rate (b - quantile)) with b the share of
           the clients whose answer was no longer than C; the first C is that quantile

Source     Portnoy et al., 2020 (arXiv:2004.04986), truncated weights; Andrew et al., NeurIPS 2021,
           adaptive clipping (arXiv:1905.03871), without its noise. Ours: the first C, which is
           taken among answers that are not zero.
Assumes    nothing of how alike clients are. A cap on lengths slows down whoever moves furthest,
           which may be the client that has most to learn.
Breakdown  hostile clients of weight q move the mean by at most q C from where it would be had they
           sent zero. C itself counts clients, not samples; it is safe while fewer than
           1 - quantile of them are hostile
Leaves     joined to one vector: an answer is shortened as a whole
Remembers  C, one number
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from unalike.functional.trees import map_tree

from .geometry import leaf_scales, lengths
from .rule import Rule, Weighted

HALVINGS = 100


class Threshold(NamedTuple):
    """What the rule goes on from."""

    c: Tensor  # [] float64; 0 before there is one


class Caps(Rule):
    """The weighted mean of answers of bounded length, with weights that are bounded too."""

    meaning: ClassVar[str] = "caps how much a client weighs and how long its answer is"

    kind: Literal["caps"] = "caps"
    clients: Annotated[
        float, Field(gt=0, le=1, description="share of the clients that together have a cap")
    ] = 0.2
    weight: Annotated[
        float, Field(gt=0, le=1, description="the most that the heaviest of them weigh together")
    ] = 0.4
    quantile: Annotated[
        float, Field(gt=0, lt=1, description="of the lengths, that the threshold follows")
    ] = 0.5
    rate: Annotated[float, Field(ge=0, description="how fast it follows")] = 0.2

    def memory(self, population: int, w: Tensor) -> Threshold:
        return Threshold(torch.zeros((), dtype=torch.float64, device=w.device))

    def apply(self, answers: Weighted, memory: Any) -> tuple[Weighted, Any]:
        found = lengths(answers.ups, leaf_scales(answers.ups))
        c = memory.c if float(memory.c) > 0 else first_threshold(found, self.quantile)
        factors = torch.where(found > c, c / found, 1.0)

        def shortened(leaf: Tensor) -> Tensor:
            return leaf * factors.to(leaf.dtype).reshape(-1, *(1 for _ in leaf.shape[1:]))

        within = (found <= c).to(c.dtype).mean()
        follows = c * torch.exp(-self.rate * (within - self.quantile))
        weights = capped(answers.weights, self.clients, self.weight)
        ups = map_tree(shortened, answers.ups)
        return answers._replace(ups=ups, weights=weights), Threshold(follows)


def first_threshold(found: Tensor, quantile: float) -> Tensor:
    """The (lower) quantile of those lengths [S] that are not zero: []."""
    moved = found[found > 0].sort().values
    if len(moved) == 0:
        return found.new_zeros(())
    return moved[math.ceil(quantile * len(moved)) - 1]


def capped(weights: Tensor, clients: float, most: float) -> Tensor:
    """min(w_i, U), scaled to sum 1, with U the largest that the cap allows: weights [S]."""
    ordered = weights.sort(descending=True).values
    heaviest = math.ceil(clients * len(ordered) - 1e-9)

    def allowed(u: Tensor) -> bool:
        cut = ordered.clamp(max=u)
        return bool(cut[:heaviest].sum() <= most * cut.sum())

    low, high = ordered[-1], ordered[0]
    if allowed(high):
        return weights
    for _ in range(HALVINGS if allowed(low) else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    cut = weights.clamp(max=low)
    return cut / cut.sum()
