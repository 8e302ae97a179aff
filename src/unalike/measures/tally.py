"""What is counted of predicted classes, group by group: all that `classification.py` needs.

Counts of parts add up to those of the whole, so sites may count and a server add.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .groups import Floats, Ints, by_group, by_group_and_place


class Tally(NamedTuple):
    """Counts of groups of predictions; those of a union are the sums."""

    size: Floats  # [groups] samples
    correct: Floats  # [groups, classes] samples of this class that were predicted to be of it
    actual: Floats  # [groups, classes] samples of this class
    predicted: Floats  # [groups, classes] samples that were predicted to be of this class


def tally(
    output: NDArray[np.generic], truth: NDArray[np.generic], sizes: Ints, classes: int
) -> Tally:
    """What there is in consecutive groups of these sizes: output, truth [n] or [n, labels]."""
    if output.ndim == 1:
        group = np.repeat(np.arange(len(sizes)), sizes)
        is_class, as_class = truth.astype(np.int64), output.astype(np.int64)
        shape, right = (len(sizes), classes), is_class == as_class
        actual, predicted, correct = (
            by_group_and_place(group[counted], place[counted], None, shape)
            for counted, place in (
                (slice(None), is_class),
                (slice(None), as_class),
                (right, is_class),
            )
        )
    else:
        marked, meant = output.astype(bool), truth.astype(np.float64) > 0.5
        correct, actual, predicted = (
            by_group(part, sizes) for part in (marked & meant, meant, marked)
        )
    return Tally(sizes.astype(np.float64), correct, actual, predicted)


class Answers(NamedTuple):
    """What groups tell of whether all samples get one answer; those of a union are the sums."""

    actual: Floats  # [1, classes]
    predicted: Floats  # [1, classes]
    of_several: Floats  # [1] samples of groups with several classes
    apart: Floats  # [1] of these groups those whose samples do not all get one answer


def answers(counted: Tally) -> Answers:
    """Those of all groups."""
    several = np.count_nonzero(counted.actual, axis=1) > 1
    apart = np.count_nonzero(counted.predicted, axis=1) != 1
    return Answers(
        counted.actual.sum(0, keepdims=True),
        counted.predicted.sum(0, keepdims=True),
        counted.size[several].sum(keepdims=True),
        (several & apart).sum(keepdims=True).astype(np.float64),
    )


def impossible(counted: Tally, sizes: Floats) -> NDArray[np.bool_]:
    """Groups of `sizes` [groups] samples that cannot have been counted so: [groups]."""
    most = sizes[:, None]
    places = np.stack([counted.actual, counted.predicted])
    beyond = ((places < 0) | (places > most)).any((0, 2))
    # Without details the first place holds a sum over all classes.
    beyond |= (np.abs(counted.correct) > most * counted.correct.shape[1]).any(1)
    wrong: NDArray[np.bool_] = beyond | (counted.size != sizes)
    return wrong


def without_classes(counted: Tally, *, many_labels: bool) -> Tally:
    """Counts that give the same accuracy, and say nothing of any class."""
    size, correct, actual, predicted = counted
    right = correct.sum(1)
    if many_labels:
        right = right - (actual.sum(1) + predicted.sum(1)) / 2
    merged = np.zeros_like(correct)
    merged[:, 0] = right
    return Tally(size, merged, np.zeros_like(actual), np.zeros_like(predicted))
