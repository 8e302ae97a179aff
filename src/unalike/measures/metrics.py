"""The metrics of predictions: their one list, which everything that measures or reports reads.

    accuracy            share of samples predicted right; of labels, where a sample has many
    balanced accuracy   mean recall over the classes that occur in the group
    macro F1            mean F1 over the classes that occur in the group or in its predictions
    loss                mean over samples

Each is computed from counts (`tally.py`), for each group of samples on its own. A group without
samples has no value (NaN).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .tally import Floats, Tally, tally

Unit = Literal["share", "nats"]
Scores = dict[str, Floats]
"""By the name of the metric one value for each group: [groups]."""


@dataclass(frozen=True)
class Metric:
    """One number of how well predictions fit a group of samples."""

    name: str  # in records, in summary.csv and in the frame of a result
    title: str  # in sentences
    heading: str  # in tables
    column: str  # of a result's table
    unit: Unit
    better: Literal["high", "low"]
    meaning: str
    formula: str
    compute: Callable[[Tally, bool], Floats]
    """From counts, and whether a sample can be of several classes, or of none: [groups]."""
    by_client: bool = True  # whether it is reported of every client, or of pooled samples alone


def _accuracy(counted: Tally, many_labels: bool) -> Floats:
    if not many_labels:
        return _ratio(counted.correct.sum(1), counted.size)
    right = (counted.correct + _true_negatives(counted)).sum(1)
    return _ratio(right, counted.size * counted.correct.shape[1])


def _balanced_accuracy(counted: Tally, many_labels: bool) -> Floats:
    recall = _ratio(counted.correct, counted.actual)
    if not many_labels:
        return _mean_over(recall, counted.actual > 0)
    negatives = counted.size[:, None] - counted.actual
    recall = 0.5 * (recall + _ratio(_true_negatives(counted), negatives))
    return _mean_over(recall, (counted.actual > 0) & (negatives > 0))


def _macro_f1(counted: Tally, many_labels: bool) -> Floats:
    occurring = counted.actual + counted.predicted
    return _mean_over(_ratio(2 * counted.correct, occurring), occurring > 0)


def _loss(counted: Tally, many_labels: bool) -> Floats:
    return _ratio(counted.loss, counted.size)


def _true_negatives(counted: Tally) -> Floats:
    """Samples without a label that were said to be without it: [groups, classes]."""
    return counted.size[:, None] - counted.actual - counted.predicted + counted.correct


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "accuracy",
            title="accuracy",
            heading="accuracy",
            column="accuracy",
            unit="share",
            better="high",
            meaning="Share of samples predicted right; of labels, where a sample has many.",
            formula="right / all",
            compute=_accuracy,
        ),
        Metric(
            "balanced_accuracy",
            title="balanced accuracy",
            heading="balanced",
            column="balanced",
            unit="share",
            better="high",
            meaning="Mean recall over the classes that occur.",
            formula="mean over classes of right / held",
            compute=_balanced_accuracy,
        ),
        Metric(
            "macro_f1",
            title="macro F1",
            heading="macro F1",
            column="f1",
            unit="share",
            better="high",
            meaning="Mean F1 over the classes that occur or are predicted.",
            formula="mean over classes of 2 right / (held + predicted)",
            compute=_macro_f1,
        ),
        Metric(
            "loss",
            title="loss",
            heading="loss",
            column="loss",
            unit="nats",
            better="low",
            meaning="Mean loss over samples.",
            formula="sum of losses / all",
            compute=_loss,
            by_client=False,
        ),
    )
}
MAIN = METRICS["accuracy"]
"""By which methods are ranked and rounds are chosen."""
BESIDE_MAIN = tuple(metric for metric in METRICS.values() if metric.by_client and metric != MAIN)
"""Reported of every client besides."""


def scores_of(counted: Tally, *, many_labels: bool) -> Scores:
    """All metrics of each group; `many_labels`: a sample can be of several classes, or of none."""
    return {name: metric.compute(counted, many_labels) for name, metric in METRICS.items()}


def scores(
    output: NDArray[np.generic],
    truth: NDArray[np.generic],
    losses: Floats,
    sizes: NDArray[np.int64],
    classes: int,
) -> Scores:
    """All metrics of consecutive groups of these sizes: output, truth [n] or [n, labels]."""
    counted = tally(output, truth, losses, sizes, classes)
    return scores_of(counted, many_labels=output.ndim > 1)


def _ratio(part: Floats, whole: NDArray[np.generic]) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)


def _mean_over(values: Floats, where: NDArray[np.bool_]) -> Floats:
    return _ratio(np.where(where, values, 0).sum(1), where.sum(1))
