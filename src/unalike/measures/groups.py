"""Sums and ratios over consecutive groups of samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class EqualGroups(NamedTuple):
    """Groups of one size."""

    groups: Ints  # [m] which they are
    places: Ints  # [m, size] where their samples lie


def equal_groups(sizes: Ints, least: int = 1) -> Iterator[EqualGroups]:
    """Consecutive groups of these sizes, those of one size together: all of at least `least`."""
    starts = np.cumsum(sizes) - sizes
    order = np.argsort(sizes, kind="stable")
    first = np.flatnonzero(np.diff(sizes[order], prepend=-1))
    for groups in np.split(order, first)[1:]:
        size = int(sizes[groups[0]])
        if size >= least:
            yield EqualGroups(groups, starts[groups][:, None] + np.arange(size))


def by_group(values: NDArray[np.generic], sizes: Ints) -> Floats:
    """The sums of values [n, ...] over consecutive groups of these sizes: [groups, ...]."""
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    owner, count = np.repeat(np.arange(len(sizes)), sizes), len(sizes)
    sums = np.zeros((count, flat.shape[1]))
    for column in range(flat.shape[1]):
        sums[:, column] = np.bincount(owner, flat[:, column], count)
    return sums.reshape(count, *values.shape[1:])


def by_group_and_place(group: Ints, place: Ints, values: Floats | None, shape: Any) -> Floats:
    """The sums of values [n] (of ones, where not given) with each group and place: an array of
    this shape [groups, places]."""
    found = np.bincount(group * shape[1] + place, values, shape[0] * shape[1])
    return found.reshape(shape).astype(np.float64, copy=False)


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """part / whole, NaN where whole is not above zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.true_divide(part, whole)
    return np.where(whole > 0, found, np.nan)


def mean_over(values: Floats, where: NDArray[np.bool_]) -> Floats:
    """The mean of values [groups, k] over those k where `where` says so; NaN where none does."""
    return ratio(np.where(where, values, 0).sum(1), where.sum(1))
