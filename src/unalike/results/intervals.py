"""What a few seeds can say: means with 95 % intervals on the scale of their measure.

A measure between two bounds, such as an accuracy in [0, 1], has an interval between them:
Student's, on the logit of the mean (by the delta method),

    logit m ± t(0.975, n - 1) * s / sqrt(n) / (m (1 - m))

Close to a bound scores are skewed, so that m ± t s / sqrt(n) reaches beyond the bound and covers
too seldom. The mean of the logits would be another quantity, and scores of 0 and 1 have none; a
bootstrap over three seeds has ten different samples to draw. Other measures keep Student's own
interval, which ends at a bound where there is one; so do differences, whose p values are those of
the paired t test. Where seeds share a variance (see `shared_samples`), half of the interval of a
difference is the root of the sum of two squares, half of Student's over seeds and half of the
normal one by what they share, and p is the level at which the interval ends at 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri, stdtr, stdtrit

LEVEL = 0.95
HALVINGS = 60
"""Of an interval of logarithms, until it is as narrow as numbers are."""
LEAST_LEVEL = -300.0
"""Logarithm of the smallest p that is told apart from 0."""
ALIKE = 1e-9
"""Values that differ by less than this share of their mean are the same number, rounded."""

Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-math.inf, math.inf)
Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A mean over seeds and its interval, which need not be symmetric."""

    mean: float  # NaN without seeds
    low: float  # NaN, as high, where fewer than two seeds, or seeds all alike, leave it open
    high: float
    seeds: int

    @property
    def known(self) -> bool:
        """Whether the seeds give an interval."""
        return not math.isnan(self.low)

    @property
    def excludes_zero(self) -> bool:
        """Whether the seeds tell this mean apart from 0; never so where no interval exists."""
        return self.low > 0 or self.high < 0


def over_seeds(values: Iterable[float], bounds: Bounds = UNBOUNDED) -> Interval:
    """The mean of one number per seed, and its interval; bounds are those of the measure.

    Seeds that all give the same number say nothing of others: then there is no interval.
    """
    kept = _finite(values)
    n = len(kept)
    if n < 2 or alike(kept):
        return Interval(float(kept[0]) if n else math.nan, math.nan, math.nan, n)
    mean, half = float(kept.mean()), _student(kept)
    low, high = bounds
    within = low <= kept.min() and kept.max() <= high
    if within and math.isfinite(high - low):
        place = (mean - low) / (high - low)
        reach = half / (high - low) / (place * (1 - place))
        ends = low + (high - low) * expit(logit(place) + np.array([-reach, reach]))
        return Interval(mean, float(ends[0]), float(ends[1]), n)
    ends = np.clip([mean - half, mean + half], *(bounds if within else UNBOUNDED))
    return Interval(mean, float(ends[0]), float(ends[1]), n)


def paired(
    ours: pd.Series[float],
    theirs: pd.Series[float],
    bounds: Bounds = UNBOUNDED,
    shared: float = 0.0,
) -> Interval:
    """Student's interval of ours minus theirs, seed by seed, over the seeds that both have.

    bounds: of either; the difference lies within their distance. shared: as for `paired_p`. Six
    differences that are all the same and not 0 are told apart from 0 (see `paired_p`), fewer have
    no interval.
    """
    kept = _finite(ours.sub(theirs).to_numpy(dtype=np.float64))
    n, most = len(kept), bounds[1] - bounds[0]
    mean = float(kept.mean()) if n else math.nan
    if n < 2:
        return Interval(mean, math.nan, math.nan, n)
    if alike(kept) and not paired_p(kept) < 1 - LEVEL:
        return Interval(mean, math.nan, math.nan, n)
    half = 0.0 if alike(kept) and not shared else _student(kept, shared)
    return Interval(mean, max(mean - half, -most), min(mean + half, most), n)


def paired_p(differences: Sequence[float] | Floats, shared: float = 0.0) -> float:
    """Two-sided p of the t test that these [n] have mean 0; NaN where n < 2.

    Differences that are all the same have no spread for a t test: their p is that of the sign
    test, 2^(1 - n), or 1 where they are 0.

    shared: the variance of their mean that all seeds have in common; see `shared_samples`.
    """
    values = np.asarray(differences, np.float64)
    n = len(values)
    if n < 2:
        return float("nan")
    mean, sign_test = float(values.mean()), 0.0
    if alike(values):
        sign_test = 1.0 if mean == 0 else 2.0 ** (1 - n)
        if not shared:
            return sign_test
    if not shared:
        return float(2 * stdtr(n - 1, -abs(mean) / math.sqrt(_between(values))))
    return max(sign_test, _level_at(abs(mean), values, shared))


def alike(values: Floats) -> bool:
    """Whether these are all the same number, up to rounding."""
    return bool(np.ptp(values) <= ALIKE * abs(values.mean()))


def _finite(values: Iterable[float]) -> Floats:
    return np.array([value for value in values if math.isfinite(value)], dtype=np.float64)


def _student(values: Floats, shared: float = 0.0) -> float:
    """Half of the interval of the mean: Student's, and a normal one of what seeds share."""
    return _half(1 - LEVEL, values, shared)


def _half(level: float, values: Floats, shared: float) -> float:
    between = stdtrit(len(values) - 1, level / 2) ** 2 * _between(values)
    return math.sqrt(between + ndtri(level / 2) ** 2 * shared)


def _between(values: Floats) -> float:
    """The variance of the mean, from the spread of the seeds."""
    return float(values.var(ddof=1)) / len(values)


def _level_at(mean: float, values: Floats, shared: float) -> float:
    """The level at which half of the interval is the mean, by bisection."""
    low, high = LEAST_LEVEL, 0.0  # of its logarithm
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _half(math.exp(middle), values, shared) > mean:
            low = middle
        else:
            high = middle
    return math.exp(high)
