"""What is counted of predictions, group by group: all that the metrics of `metrics.py` need.

Counts of parts add up to those of the whole, so sites may count and a server add.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Tally(NamedTuple):
    """Counts of groups of predictions; those of a union are the sums."""

    size: Floats  # [groups] samples
    loss: Floats  # [groups] sum over samples
    correct: Floats  # [groups, classes] samples of this class that were predicted to be of it
    actual: Floats  # [groups, classes] samples of this class
    predicted: Floats  # [groups, classes] samples that were predicted to be of this class

    @classmethod
    def zeros(cls, groups: int, classes: int) -> Tally:
        """Of groups without samples."""
        return cls(
            np.zeros(groups), np.zeros(groups), *(np.zeros((groups, classes)) for _ in range(3))
        )

    @classmethod
    def joined(cls, tallies: Iterable[Tally]) -> Tally:
        """All groups of several tallies, one behind the other."""
        return cls(*map(np.concatenate, zip(*tallies, strict=True)))

    @classmethod
    def total(cls, tallies: Iterable[Tally]) -> Tally:
        """Group by group the sums of several tallies of equal shapes."""
        return cls(*(np.sum(columns, axis=0) for columns in zip(*tallies, strict=True)))

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of all counts, in their order."""
        return [column.shape for column in self]


def tally(
    output: NDArray[np.generic],
    truth: NDArray[np.generic],
    losses: Floats,
    sizes: NDArray[np.int64],
    classes: int,
) -> Tally:
    """What there is in consecutive groups of these sizes: output, truth [n] or [n, labels]."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    if output.ndim == 1:
        is_class, as_class = truth.astype(np.int64), output.astype(np.int64)
        actual, predicted, correct = (np.zeros((len(sizes), classes)) for _ in range(3))
        np.add.at(actual, (group, is_class), 1)
        np.add.at(predicted, (group, as_class), 1)
        right = is_class == as_class
        np.add.at(correct, (group[right], is_class[right]), 1)
    else:
        marked, meant = output.astype(bool), truth.astype(np.float64) > 0.5
        correct, actual, predicted = (
            _by_group(part, group, len(sizes)) for part in (marked & meant, meant, marked)
        )
    loss = _by_group(losses, group, len(sizes))
    return Tally(sizes.astype(np.float64), loss, correct, actual, predicted)


def without_classes(counted: Tally, *, many_labels: bool) -> Tally:
    """Counts that give the same accuracy and loss, and say nothing of any class."""
    size, loss, correct, actual, predicted = counted
    right = correct.sum(1)
    if many_labels:
        right = right - (actual.sum(1) + predicted.sum(1)) / 2
    merged = np.zeros_like(correct)
    merged[:, 0] = right
    return Tally(size, loss, merged, np.zeros_like(actual), np.zeros_like(predicted))


def _by_group(values: NDArray[np.generic], group: NDArray[np.int64], groups: int) -> Floats:
    sums = np.zeros((groups, *values.shape[1:]))
    np.add.at(sums, group, values)
    return sums
