"""FoolsGold: clients whose answers point the same way, round after round, count for less.

    H_i      sum of the client's answers so far
    c_ij     cosine of H_i and H_j, 0 where it is negative;   v_i = max_j c_ij
    pardon   c_ij <- c_ij v_i / v_j where v_j > v_i
    a_i      1 - max_j c_ij, divided by the largest;   then ln(a_i / (1 - a_i)) + 1/2 within [0, 1]

Answers are averaged with weights w_i a_i.

Source     Fung et al., RAID 2020, algorithm 1 (arXiv:1808.04866), with confidence 1 and all
           coordinates alike important. Ours: the weights w_i, the sum scaled to a mean, negative
           cosines as none, and where all histories are the same, nobody counts for less.
Assumes    honest clients that are unlike one another, and hostile ones that are alike. Honest
           clients with the same kind of data are taken for one person's many names.
Breakdown  none against sybils that send the same, however many; one hostile client is not seen at
           all, nor are several that send unlike answers
Leaves     joined to one vector: a client is weighed as a whole
Remembers  H, as many numbers as N answers
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from .geometry import as_rows, as_tree, inner_products, leaf_scales
from .rule import Rule, Weighted


class Histories(NamedTuple):
    """What every client has sent so far."""

    sums: Tensor  # [N, D]; [N, 0] before the first round


class FoolsGold(Rule):
    """A weighted mean in which clients with like histories share one say."""

    meaning: ClassVar[str] = "counts clients for less whose answers have pointed the same way"

    kind: Literal["foolsgold"] = "foolsgold"

    def memory(self, population: int, w: Tensor) -> Histories:
        return Histories(w.new_zeros(population, 0))

    def apply(self, answers: Weighted, memory: Any) -> tuple[Weighted, Any]:
        rows = as_rows(answers.ups)
        sums = memory.sums
        if sums.shape[1] == 0:
            sums = rows.new_zeros(len(sums), rows.shape[1])
        sums = sums.index_add(0, answers.ids, rows)
        histories = as_tree(sums[answers.ids], answers.ups)
        products = inner_products(histories, leaf_scales(histories), centred=False)
        weights = answers.weights * say(cosines(products))
        return answers._replace(weights=weights / weights.sum()), Histories(sums)


def cosines(products: Tensor) -> Tensor:
    """Between every two histories, 0 where one is zero, from their inner products [S, S]."""
    sizes = products.diag().clamp(min=0).sqrt()
    together = sizes[:, None] * sizes[None, :]
    return torch.where(together > 0, products / together, 0.0)


def say(similarity: Tensor) -> Tensor:
    """How much each client counts, in [0, 1], from the cosines of the histories [S, S]."""
    others = similarity.clamp(0, 1).fill_diagonal_(0)
    most = others.max(1).values
    pardon = torch.where(most[None, :] > most[:, None], most[:, None] / most[None, :], 1.0)
    alone = 1 - (others * pardon).max(1).values
    if float(alone.max()) <= ROUNDING:
        return torch.ones_like(alone)
    return (torch.logit(alone / alone.max()) + 0.5).clamp(0, 1)


ROUNDING = 1e-12
"""Cosines closer to 1 than this are 1."""
