"""How well classes or labels are predicted, from counts (`tally.py`), group by group: [groups].

    accuracy            share of samples predicted right; of labels, where a sample has many
    balanced accuracy   mean recall over the classes that occur in the group
    macro F1            mean F1 over the classes that occur in the group or in its predictions

A group without samples has no value (NaN). `many_labels`: whether a sample can be of several
classes, or of none.
"""

from __future__ import annotations

from .groups import Floats, mean_over, ratio
from .tally import Tally


def accuracy(counted: Tally, *, many_labels: bool) -> Floats:
    """Share of what was predicted right."""
    if not many_labels:
        return ratio(counted.correct.sum(1), counted.size)
    right = (counted.correct + _true_negatives(counted)).sum(1)
    return ratio(right, counted.size * counted.correct.shape[1])


def balanced_accuracy(counted: Tally, *, many_labels: bool) -> Floats:
    """Mean recall; of labels that of those with a label and of those without."""
    recall = ratio(counted.correct, counted.actual)
    if not many_labels:
        return mean_over(recall, counted.actual > 0)
    negatives = counted.size[:, None] - counted.actual
    recall = 0.5 * (recall + ratio(_true_negatives(counted), negatives))
    return mean_over(recall, (counted.actual > 0) & (negatives > 0))


def macro_f1(counted: Tally, *, many_labels: bool) -> Floats:
    """Mean F1, which does not depend on how many are rightly said to be of no class."""
    occurring = counted.actual + counted.predicted
    return mean_over(ratio(2 * counted.correct, occurring), occurring > 0)


def _true_negatives(counted: Tally) -> Floats:
    """Samples without a label that were said to be without it: [groups, classes]."""
    return counted.size[:, None] - counted.actual - counted.predicted + counted.correct
