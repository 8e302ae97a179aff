"""Krum: the answer that lies closest to most others; multi-Krum: the mean of the best such.

    score(i) = sum of |u_i - u_j|^2 over the S - f - 2 answers j closest to i

Krum takes the answer of the least score, multi-Krum the weighted mean of the S - f least.

Source     Blanchard et al., NeurIPS 2017, section 4 (Krum) and section 7 (multi-Krum, with
           m = S - f as there)
Assumes    honest answers drawn from one distribution. Krum trains on one client's answer a round,
           so among unlike clients the model follows whoever is most like the others.
Weights    scores count clients, not samples: f is a number of clients, whatever they weigh, and a
           size that is claimed moves no score. Multi-Krum's mean is weighted, so that one of the
           chosen who claims to be large carries it: put caps before it, or weigh all alike.
Breakdown  f of S answers with S >= 2 f + 3; a round with fewer answers changes nothing
Leaves     joined to one vector: an answer is taken or left as a whole
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from .geometry import inner_products, leaf_scales, squared_distances
from .rule import Rule, Weighted

Hostile = Annotated[int, Field(ge=0, description="f, how many hostile answers there may be")]


class Krum(Rule):
    """The one answer of the least score."""

    meaning: ClassVar[str] = "goes on with the one answer that lies closest to most others"

    kind: Literal["krum"] = "krum"
    hostile: Hostile = 1

    @property
    def fewest(self) -> int:
        return 2 * self.hostile + 3

    def apply(self, answers: Weighted, memory: Any) -> tuple[Weighted, Any]:
        chosen = torch.zeros_like(answers.weights)
        chosen[_scores(answers, self.hostile).argmin()] = 1
        return answers._replace(weights=chosen), memory


class MultiKrum(Rule):
    """The weighted mean of the S - f answers of the least scores."""

    meaning: ClassVar[str] = "averages the answers that lie closest to most others"

    kind: Literal["multi-krum"] = "multi-krum"
    hostile: Hostile = 1

    @property
    def fewest(self) -> int:
        return 2 * self.hostile + 3

    def apply(self, answers: Weighted, memory: Any) -> tuple[Weighted, Any]:
        order = _scores(answers, self.hostile).argsort(stable=True)
        chosen = torch.zeros_like(answers.weights)
        kept = order[: len(order) - self.hostile]
        chosen[kept] = answers.weights[kept]
        return answers._replace(weights=chosen / chosen.sum()), memory


def krum_scores(distances: Tensor, hostile: int) -> Tensor:
    """The paper's score of each answer [S], from squared distances [S, S]."""
    others = distances.sort(1).values[:, 1:]  # without the answer itself
    return others[:, : len(distances) - hostile - 2].sum(1)


def _scores(answers: Weighted, hostile: int) -> Tensor:
    products = inner_products(answers.ups, leaf_scales(answers.ups), centred=True)
    return krum_scores(squared_distances(products), hostile)
