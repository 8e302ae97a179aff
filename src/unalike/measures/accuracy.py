"""How well predictions fit, for each group of samples on its own.

    accuracy            share of samples predicted right; of labels, where a sample has many
    balanced accuracy   mean recall over the classes that occur in the group
    macro F1            mean F1 over the classes that occur in the group or in its predictions

A group without samples has no value (NaN).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .groups import Floats, by_group, mean_over, ratio


class Scores(NamedTuple):
    """One value for each group."""

    accuracy: Floats  # [groups]
    balanced_accuracy: Floats  # [groups]
    macro_f1: Floats  # [groups]
    loss: Floats  # [groups] mean over samples


class Tally(NamedTuple):
    """All that scores need to know of groups of predictions; those of a union are the sums."""

    size: Floats  # [groups] samples
    loss: Floats  # [groups] sum over samples
    hits: Floats  # [groups, classes] samples of this class that were said to be of it
    held: Floats  # [groups, classes] samples of this class
    said: Floats  # [groups, classes] samples that were said to be of this class


def tally(
    output: NDArray[np.generic],
    truth: NDArray[np.generic],
    losses: Floats,
    sizes: NDArray[np.int64],
    classes: int,
) -> Tally:
    """What there is in consecutive groups of these sizes: output, truth [n] or [n, labels]."""
    if output.ndim == 1:
        group = np.repeat(np.arange(len(sizes)), sizes)
        is_so, said_so = truth.astype(np.int64), output.astype(np.int64)
        held, said, hits = (np.zeros((len(sizes), classes)) for _ in range(3))
        np.add.at(held, (group, is_so), 1)
        np.add.at(said, (group, said_so), 1)
        right = is_so == said_so
        np.add.at(hits, (group[right], is_so[right]), 1)
    else:
        marked, meant = output.astype(bool), truth.astype(np.float64) > 0.5
        hits, held, said = (by_group(part, sizes) for part in (marked & meant, meant, marked))
    loss = by_group(losses, sizes)
    return Tally(sizes.astype(np.float64), loss, hits, held, said)


def scores_of(counted: Tally, *, many_labels: bool) -> Scores:
    """The scores of each group; `many_labels`: a sample can be of several classes, or of none."""
    size, loss, hits, held, said = counted
    recall = ratio(hits, held)
    if many_labels:
        refused = size[:, None] - held - said + hits
        spared = size[:, None] - held
        accuracy = ratio((hits + refused).sum(1), size * hits.shape[1])
        recall = 0.5 * (recall + ratio(refused, spared))
        balanced = mean_over(recall, (held > 0) & (spared > 0))
    else:
        accuracy = ratio(hits.sum(1), size)
        balanced = mean_over(recall, held > 0)
    f1 = mean_over(ratio(2 * hits, held + said), held + said > 0)
    return Scores(accuracy, balanced, f1, ratio(loss, size))


def without_classes(counted: Tally, *, many_labels: bool) -> Tally:
    """Counts that give the same accuracy and loss, and say nothing of any class."""
    size, loss, hits, held, said = counted
    right = hits.sum(1)
    if many_labels:
        right = right - (held.sum(1) + said.sum(1)) / 2
    told = np.zeros_like(hits)
    told[:, 0] = right
    return Tally(size, loss, told, np.zeros_like(held), np.zeros_like(said))


def scores(
    output: NDArray[np.generic],
    truth: NDArray[np.generic],
    losses: Floats,
    sizes: NDArray[np.int64],
    classes: int,
) -> Scores:
    """Scores of consecutive groups of these sizes: output, truth [n] or [n, labels]."""
    counted = tally(output, truth, losses, sizes, classes)
    return scores_of(counted, many_labels=output.ndim > 1)
