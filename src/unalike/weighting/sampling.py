"""Who takes part in a round, and how much each answer counts in its average.

Scheme  drawn                                  weight of an answer
A       uniformly without replacement          p_i / sum of p over the answers (renormalised)
I       S times with replacement, as p says    times drawn / times of all answers
II      uniformly without replacement          N p_i / S, which need not sum to 1

I and II are unbiased for sum p_i delta_i; A is not when the p differ, but is what everybody
runs. A client that scheme I draws several times trains once and counts as often as drawn. Under
II an average of differences is a step; an average of models is not a model.

Source  McMahan et al., AISTATS 2017 (A); Li et al., ICLR 2020, schemes I and II
        (arXiv:1907.02189)
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.functional import streams

Scheme = Literal["A", "I", "II"]


class Drawn(NamedTuple):
    """The cohort of a round."""

    ids: NDArray[np.int64]  # [<= size] sorted, each client once
    times: NDArray[np.int64]  # how often each was drawn


def draw(scheme: Scheme, weights: Tensor, size: int, *, seed: int, t: int) -> Drawn:
    """The cohort of round t: `size` draws from clients with weights p [N]."""
    population = len(weights)
    generator = streams.generator(seed, "cohort", t)
    if scheme == "I":
        p = weights.to("cpu", torch.float64).numpy()
        return Drawn(
            *np.unique(generator.choice(population, size, p=p / p.sum()), return_counts=True)
        )
    if size >= population:
        ids = np.arange(population)
    else:
        ids = np.sort(generator.choice(population, size, replace=False))
    return Drawn(ids, np.ones(len(ids), dtype=np.int64))


def weigh(scheme: Scheme, weights: Tensor, answers: Drawn) -> Tensor:
    """The weight [S] of each of the answers that arrived; p [N] are all clients' weights.

    Clients that drop out regardless of who they are leave I and II unbiased.
    """
    shares = weights[torch.from_numpy(answers.ids).to(weights.device)]
    if scheme == "II":
        return shares * (len(weights) / max(1, len(shares)))
    if scheme == "I":
        shares = torch.from_numpy(answers.times).to(shares)
    return shares / shares.sum()
