"""How many seeds would tell two methods apart, if their difference stays what it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtr, ndtri, stdtrit

from .alpha_spending import level_of
from .intervals import alike

POWER = 0.8
"""The chance with which so many seeds would decide."""
MOST = 1000
"""Seeds; who would need more has methods that are alike for all that anybody can see."""
CERTAIN = 30.0
"""From this noncentrality on power is 1 in all its digits, and its series gives out."""

Floats = NDArray[np.float64]


def power(
    effect: float, seeds: NDArray[np.int64], level: Floats, shared: Floats | float = 0.0
) -> Floats:
    """The chance that the paired t test rejects: [k], of seeds [k] at levels [k].

    effect: mean of the differences, in their standard deviations.
    shared: [k] the variance of that mean which all seeds share, in those deviations squared.
    """
    df, between = seeds - 1.0, 1 / seeds
    squares = stdtrit(df, 1 - level / 2) ** 2 * between + ndtri(1 - level / 2) ** 2 * shared
    critical = np.sqrt(squares / (between + shared))
    shift = abs(effect) / np.sqrt(between + shared)
    near = np.minimum(shift, CERTAIN)
    found = 1 - nctdtr(df, near, critical) + nctdtr(df, near, -critical)
    return np.asarray(np.where((shift > CERTAIN) & (critical < shift / 2), 1.0, found))


def seeds_needed(
    differences: Floats, looks: Sequence[int] = (), comparisons: int = 1, shared: float = 0.0
) -> int | None:
    """The fewest seeds in all, more than there are, that would decide with a chance of 80 %.

    They are judged as a further look (see `alpha_spending`); None where none up to 1,000 would,
    or where there is no spread to tell by.

    differences: [n] of the seeds that there are.
    comparisons: pairs of methods among which this is one, for Bonferroni's correction.
    shared: the variance of their mean that all these seeds share, which comes from pairs of seeds
        that test the same sample: of k seeds a share 1 - 1/k are pairs.
    """
    n = len(differences)
    if n < 2 or alike(differences):
        return None
    seeds = np.arange(n + 1, MOST + 1)
    level = np.array([level_of(int(k), (*looks, n)) for k in seeds]) / comparisons
    spread = float(differences.std(ddof=1))
    common = shared / spread**2 * (1 - 1 / seeds) / (1 - 1 / n)
    effect = float(differences.mean()) / spread
    enough = np.flatnonzero(power(effect, seeds, level, common) >= POWER)
    return int(seeds[enough[0]]) if len(enough) else None
