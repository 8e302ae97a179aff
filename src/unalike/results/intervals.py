"""What a few seeds can say: means with 95 % Student intervals, alone and paired."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

LEVEL = 0.95


class Interval(NamedTuple):
    """A mean over seeds and half the width of its interval."""

    mean: float  # NaN without seeds
    half: float | None  # None where fewer than two seeds leave it open
    seeds: int

    @property
    def low(self) -> float:
        """The lower end."""
        return math.nan if self.half is None else self.mean - self.half

    @property
    def high(self) -> float:
        """The upper end."""
        return math.nan if self.half is None else self.mean + self.half

    @property
    def excludes_zero(self) -> bool:
        """Whether the seeds tell this mean apart from 0; never so where no interval exists."""
        return self.half is not None and abs(self.mean) > self.half


def over_seeds(values: Iterable[float]) -> Interval:
    """The mean of one number per seed, and t(0.975, n - 1) * s / sqrt(n)."""
    kept = np.array([value for value in values if math.isfinite(value)], dtype=np.float64)
    n = len(kept)
    if n < 2:
        return Interval(float(kept[0]) if n else math.nan, None, n)
    half = stdtrit(n - 1, (1 + LEVEL) / 2) * kept.std(ddof=1) / math.sqrt(n)
    return Interval(float(kept.mean()), float(half), n)


def paired(ours: pd.Series[float], theirs: pd.Series[float]) -> Interval:
    """The interval of ours minus theirs, seed by seed, over the seeds that both have."""
    return over_seeds(ours.sub(theirs).to_numpy(dtype=np.float64))
