"""Sums and ratios over consecutive groups of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def by_group(values: NDArray[np.generic], sizes: Ints) -> Floats:
    """The sums of values [n, ...] over consecutive groups of these sizes: [groups, ...]."""
    sums = np.zeros((len(sizes), *values.shape[1:]))
    np.add.at(sums, np.repeat(np.arange(len(sizes)), sizes), values)
    return sums


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """part / whole, NaN where whole is not above zero."""
    shape = np.broadcast_shapes(np.shape(part), np.shape(whole))
    return np.divide(part, whole, out=np.full(shape, np.nan), where=whole > 0)


def mean_over(values: Floats, where: NDArray[np.bool_]) -> Floats:
    """The mean of values [groups, k] over those k where `where` says so; NaN where none does."""
    return ratio(np.where(where, values, 0).sum(1), where.sum(1))
