"""Two scores of the same clients: how far apart, and whether clients or folds can tell."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from unalike.tasks import SHARE, Measure

LEVEL = 0.9
SLIGHT = 0.005
"""What nobody would change a method for: half a point, or half a percent of a score in units."""
NEAR = 0.01
"""Within which settings of one method are told apart by their loss: a point, or a percent."""


class Difference(NamedTuple):
    """A mean over clients of paired differences, and its 90 % Student interval."""

    mean: float
    half: float  # NaN with one client, or one fold
    sure: float = math.nan  # one-sided confidence that the true mean has this sign: 0.5 to 1

    @property
    def low(self) -> float:
        """The lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """The upper end."""
        return self.mean + self.half

    @property
    def excludes_zero(self) -> bool:
        """Whether this mean is told apart from 0."""
        return abs(self.mean) > self.half


def difference(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Difference:
    """Of two scores of the same clients: [N], [N].

    Where one is infinite, as the loss of a model that diverged, nobody can tell how sure it is.
    """
    gaps = _gaps(ours, theirs)
    gaps = gaps[~np.isnan(gaps)]
    n = len(gaps)
    if n < 2 or not np.isfinite(gaps).all():
        return Difference(_mean(gaps), math.nan)
    return _student(float(gaps.mean()), float(gaps.std(ddof=1)) / math.sqrt(n), n - 1)


def fold_difference(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], folds: int
) -> Difference:
    """Of two scores of the same clients on each fold, [F, N] and [F, N], one or more cuts into
    `folds`: for these very clients, however few, by what their samples say.

    Training sets of folds overlap, so the variance of the mean over folds is s^2 (1/F + 1/(k-1)).

    Source  Nadeau and Bengio, Machine Learning 2003, the corrected resampled t-test
    """
    gaps = _gaps(ours, theirs)
    known = ~np.isnan(gaps)
    if not np.isfinite(gaps[known]).all():
        return Difference(_mean(gaps[known]), math.nan)
    gaps = np.where(known, gaps, 0)
    by_fold = gaps.sum(1)[known.any(1)] / known.sum(1)[known.any(1)]
    clients = known.any(0)
    by_client = gaps.sum(0)[clients] / known.sum(0)[clients]
    mean, count = _mean(by_client), len(by_fold)
    if count < 2:
        return Difference(mean, math.nan)
    variance = by_fold.var(ddof=1) * (1 / count + 1 / (folds - 1))
    return _student(mean, math.sqrt(variance), count - 1)


def _gaps(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """ours - theirs, NaN where both are infinite."""
    with np.errstate(invalid="ignore"):
        return ours - theirs


def _mean(gaps: NDArray[np.float64]) -> float:
    """NaN of none, and where gaps of both signs are infinite."""
    with np.errstate(invalid="ignore"):
        return float(gaps.mean()) if len(gaps) else math.nan


def _student(mean: float, error: float, freedom: int) -> Difference:
    """With this standard error, of so many degrees of freedom."""
    half = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    if error == 0:
        return Difference(mean, half, 1.0 if mean else 0.5)
    return Difference(mean, half, float(stdtr(freedom, abs(mean) / error)))


def scale_of(measure: Measure, score: float) -> float:
    """What `SLIGHT` and `NEAR` are shares of: 1 for measures that are shares, else the score."""
    return 1.0 if measure.unit == SHARE else abs(score)


def tied(behind: Difference, *, slight: float = SLIGHT) -> bool:
    """Whether a difference is slight, and not told apart from none by the clients."""
    return behind.mean < slight and not behind.excludes_zero
