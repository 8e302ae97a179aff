"""What chance alone gives: the same clients with shuffled membership.

Shuffling within strata keeps everything that the strata know: within classes, every client keeps
its own mix of labels. A p-value is the share of shuffles that look at least as unlike as the
truth, the truth counted among them, so it is never zero and never too small on average.

Source  Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 2010 (the p-value); Holm, Scand. J.
        Statist. 1979 (several kinds at once)
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unalike.functional.streams import generator

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Null(NamedTuple):
    """A value beside its distribution under chance."""

    value: float
    draws: Floats  # [shuffles]

    @property
    def p(self) -> float:
        """Share of the shuffles that are at least as large."""
        slack = 1e-9 * max(abs(self.value), 1e-9)
        return float(
            (1 + np.count_nonzero(self.draws >= self.value - slack)) / (1 + len(self.draws))
        )


def permutation_test(
    statistic: Callable[[Integers], NDArray[np.float64]],
    member: Integers,
    strata: Integers | None,
    *,
    purpose: str,
    shuffles: int,
    seed: int,
) -> list[Null]:
    """The statistics of a membership [n], each beside those of shuffles within strata [n]."""
    truth = np.atleast_1d(statistic(member))
    draws = np.empty((shuffles, len(truth)))
    for b in range(shuffles):
        rng = generator(seed, f"diagnosis/{purpose}", b)
        draws[b] = statistic(shuffle_within(member, strata, rng))
    return [Null(float(value), draws[:, k]) for k, value in enumerate(truth)]


def shuffle_within(member: Integers, strata: Integers | None, rng: np.random.Generator) -> Integers:
    """The membership [n] with its entries exchanged at random within each stratum [n]."""
    if strata is None:
        return rng.permutation(member)
    result = np.empty_like(member)
    order = np.lexsort((rng.random(len(member)), strata))
    result[np.argsort(strata, kind="stable")] = member[order]
    return result


def holm(p: list[float]) -> list[float]:
    """p-values made larger so that any false alarm among all of them stays as rare as one."""
    order = np.argsort(p, kind="stable")
    raised = np.empty(len(p))
    raised[order] = np.maximum.accumulate(
        np.minimum(1.0, np.array(p)[order] * np.arange(len(p), 0, -1))
    )
    return raised.tolist()
