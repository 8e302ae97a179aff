"""What chance alone gives: the same clients with shuffled membership.

Shuffling within strata keeps everything that the strata know: within classes, every client keeps
its own mix of labels. A p-value is the share of shuffles that look at least as unlike as the
truth, the truth counted among them, so it is never zero and never too small on average.

Another seed shuffles otherwise, and a p-value close to the level would fall on either side of it.
So there are more shuffles where it is close: up to `MOST_TIMES` as many as asked for, and fewer
only where it is clear how all of them would end.

Source  Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 2010 (the p-value); Clopper and Pearson,
        Biometrika 1934 (its interval); Cantelli's inequality; Gandy, JASA 2009 (shuffling until it
        is clear); Holm, Scand. J. Statist. 1979 (several kinds at once)
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from unalike.functional.streams import generator

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_TIMES = 10
"""How many times the shuffles asked for there are at most."""
DOUBT = 0.005
"""The chance, on either side, that a p-value is called clear and is not."""
KINDS = 5
"""Of skew, at most: Holm's correction compares p with the level, at the least with a fifth."""


class Null(NamedTuple):
    """A value beside its distribution under chance."""

    value: float
    draws: Floats  # [shuffles]

    @property
    def p(self) -> float:
        """Share of the shuffles that are at least as large."""
        return (1 + self.reached) / (1 + len(self.draws))

    @property
    def reached(self) -> int:
        """How many shuffles are at least as large."""
        slack = 1e-9 * max(abs(self.value), 1e-9)
        return int(np.count_nonzero(self.draws >= self.value - slack))

    @property
    def error(self) -> float:
        """Standard error of p: how much it changes with other shuffles."""
        return float(np.sqrt(self.p * (1 - self.p) / max(len(self.draws), 1)))

    @property
    def interval(self) -> tuple[float, float]:
        """Where p lies for all shuffles there are, but for twice `DOUBT`."""
        n, reached = len(self.draws), self.reached
        low = float(betaincinv(reached, n - reached + 1, DOUBT)) if reached else 0.0
        high = float(betaincinv(reached + 1, n - reached, 1 - DOUBT)) if reached < n else 1.0
        deviation = float(self.draws.std())
        if deviation > 0 and (far := (self.value - float(self.draws.mean())) / deviation) > 0:
            high = min(high, max(low, 1 / (1 + far**2)))
        return low, high

    def clear(self, level: float, kinds: int) -> bool:
        """Whether p is above the level, or below it however Holm corrects for so many kinds."""
        low, high = self.interval
        return low > level or high <= level / kinds


def permutation_test(
    statistic: Callable[[Integers], NDArray[np.float64]],
    member: Integers,
    strata: Integers | None,
    *,
    purpose: str,
    shuffles: int,
    seed: int,
    level: float | None = None,
    decides: Sequence[int] = (0,),
    kinds: int = KINDS,
) -> list[Null]:
    """The statistics of a membership [n], each beside those of shuffles within strata [n].

    level: where given, more shuffles while it is not clear on which side of it the largest p of
        those that decide lies, whatever Holm's correction for so many kinds makes of it.
    """
    return draw_nulls(
        np.atleast_1d(statistic(member)),
        lambda rng: statistic(shuffle_within(member, strata, rng)),
        purpose=purpose,
        shuffles=shuffles,
        seed=seed,
        level=level,
        decides=decides,
        kinds=kinds,
    )


def draw_nulls(
    truth: Floats,
    draw: Callable[[np.random.Generator], NDArray[np.float64]],
    *,
    purpose: str,
    shuffles: int,
    seed: int,
    level: float | None = None,
    decides: Sequence[int] = (0,),
    kinds: int = KINDS,
) -> list[Null]:
    """Statistics [k] beside those that chance draws, of which some decide."""
    rows: list[Floats] = []
    for most in _batches(shuffles, level):
        rows += [
            np.atleast_1d(draw(generator(seed, f"diagnosis/{purpose}", b)))
            for b in range(len(rows), most)
        ]
        draws = np.array(rows).reshape(most, len(truth))
        nulls = [Null(float(value), draws[:, k]) for k, value in enumerate(truth)]
        deciding = max((nulls[k] for k in decides), key=lambda one: one.p)
        if level is None or deciding.clear(level, kinds):
            break
    return nulls


def _batches(shuffles: int, level: float | None) -> Iterator[int]:
    times = 1 if level is None else MOST_TIMES
    return iter(range(shuffles, shuffles * times + 1, shuffles))


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
