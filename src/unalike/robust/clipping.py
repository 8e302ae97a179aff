"""Centred clipping: no answer moves the last aggregate by more than a radius.

    v <- v + sum w_i (u_i - v) min(1, tau / |u_i - v|),   from the v of the round before

Source     Karimireddy et al., ICML 2021, algorithm 2 (arXiv:2012.10333), for equal weights.
           Ours: without a `radius` tau is in every round the lower median of the distances.
Assumes    answers that change slowly from round to round, as the paper's clients' momentum sees
           to: the first v is zero, and a plain answer is more of a stranger to the last aggregate
Breakdown  a share q of the weight moves the result by at most q tau; with tau the median of the
           distances, that is bounded while fewer than half of the answers are hostile
Leaves     joined to one vector: an answer is drawn in as a whole
Remembers  v, as many numbers as one answer
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from unalike.functional.trees import map_tree

from .geometry import as_rows, as_tree, distances_to, inner_products, leaf_scales
from .rule import NOBODY, Rule, Weighted


class LastAggregate(NamedTuple):
    """What the rule goes on from."""

    v: Tensor  # [D]; [0] before the first round, for zero


class CentredClipping(Rule):
    """The last aggregate and one clipped step from it, or several."""

    meaning: ClassVar[str] = "lets no answer move the last aggregate by more than a radius"

    kind: Literal["clipping"] = "clipping"
    radius: Annotated[
        float | None, Field(gt=0, description="tau; the median of the distances if not given")
    ] = None
    steps: Annotated[int, Field(ge=1, description="clipped steps in a round")] = 1

    def memory(self, population: int, w: Tensor) -> LastAggregate:
        return LastAggregate(w.new_zeros(0))

    def apply(self, answers: Weighted, memory: Any) -> tuple[Weighted, Any]:
        last = self._last(answers.ups, memory)
        ups = map_tree(lambda one, rows: torch.cat([one, rows]), last, answers.ups)
        products = inner_products(ups, leaf_scales(answers.ups), centred=True)
        point = torch.zeros_like(products[0])
        point[0] = 1
        for _ in range(self.steps):
            kept = answers.weights * self._factors(distances_to(products, point)[1:])
            point = point * (1 - kept.sum())
            point[1:] += kept
        nobody = torch.full_like(answers.ids[:1], NOBODY)
        found = Weighted(ups, point, torch.cat([nobody, answers.ids]))
        one = map_tree(lambda leaf: leaf[None], found.mean())
        return found, LastAggregate(as_rows(one)[0])

    def _last(self, ups: Any, memory: LastAggregate) -> Any:
        """The v of the round before: every leaf [1, ...]."""
        if len(memory.v) == 0:
            return map_tree(lambda leaf: torch.zeros_like(leaf[:1]), ups)
        return as_tree(memory.v[None], ups)

    def _factors(self, distances: Tensor) -> Tensor:
        """min(1, tau / distance) for each answer [S]."""
        radius = distances.median() if self.radius is None else distances.new_tensor(self.radius)
        return torch.where(distances > radius, radius / distances, 1.0)
