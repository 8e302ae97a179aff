"""Two scores of the same clients: how far apart, and whether the clients can tell."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from unalike.tasks import SHARE, Measure

LEVEL = 0.9
SLIGHT = 0.005
"""What nobody would change a method for: half a point, or half a percent of a score in units."""
NEAR = 0.01
"""Within which settings of one method are told apart by their loss: a point, or a percent."""


class Difference(NamedTuple):
    """A mean over clients of paired differences, and its 90 % Student interval."""

    mean: float
    half: float  # NaN with one client

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
        """Whether the clients tell this mean apart from 0."""
        return abs(self.mean) > self.half


def difference(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Difference:
    """Of two scores of the same clients: [N], [N]."""
    gaps = ours - theirs
    gaps = gaps[~np.isnan(gaps)]
    n = len(gaps)
    if n < 2:
        return Difference(float(gaps.mean()) if n else math.nan, math.nan)
    half = stdtrit(n - 1, (1 + LEVEL) / 2) * gaps.std(ddof=1) / math.sqrt(n)
    return Difference(float(gaps.mean()), float(half))


def scale_of(measure: Measure, score: float) -> float:
    """What `SLIGHT` and `NEAR` are shares of: 1 for measures that are shares, else the score."""
    return 1.0 if measure.unit == SHARE else abs(score)


def tied(behind: Difference, *, slight: float = SLIGHT) -> bool:
    """Whether a difference is slight, and not told apart from none by the clients."""
    return behind.mean < slight and not behind.excludes_zero
