"""How well scores put the members of a class above the others, for each group of samples.

    AUC            share of the pairs (a member, another) in which the member has the higher score;
                   equal scores count half
    sensitivity    the largest share of members found by "score >= threshold" among the thresholds
                   at which at least the given share of the others (the specificity) is left out
    AP             average precision: sum over thresholds of (recall gained) x (precision there)

A group that lacks members, or others, has no value (NaN).

Pairs and average precision are those of one group alone. A union of groups that only tell counts
is scored from histograms: pairs in one bin count half, which is wrong by at most half their number
(`Histogram.error`).

Source  Fawcett, Pattern Recognition Letters 27 (2006); average precision as scikit-learn has it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .groups import Floats, Ints, by_group_and_place, equal_groups, ratio

COMPARED = 4000
"""Pairs of a group's samples, for each class, up to which all are looked at; beyond, samples are
sorted."""
TOGETHER = 1 << 18
"""Pairs that are looked at together."""
BINS = 128
"""Bins of a histogram of scores."""
WIDEST = 8.0
"""Scores beyond this fall into the outermost bins: log odds of 8 are a probability of 0.9997."""


class Pairs(NamedTuple):
    """The pairs (a member, another) of each group."""

    right: Floats  # [groups] those with the member above, and half of those with equal scores
    number: Floats  # [groups]

    @property
    def auc(self) -> Floats:
        """The share that is right: [groups]."""
        return ratio(self.right, self.number)


class Histogram(NamedTuple):
    """Scores of members and of others in bins from low to high; those of a union are the sums."""

    members: Floats  # [..., BINS]
    others: Floats  # [..., BINS]

    @property
    def auc(self) -> Floats:
        """Approximately: [...]."""
        below = np.cumsum(self.others, -1) - self.others
        right = (self.members * (below + self.others / 2)).sum(-1)
        return ratio(right, self.members.sum(-1) * self.others.sum(-1))

    @property
    def error(self) -> Floats:
        """By how much `auc` can be wrong at most: [...]."""
        together = (self.members * self.others).sum(-1)
        return ratio(together / 2, self.members.sum(-1) * self.others.sum(-1))

    def sensitivity(self, specificity: float) -> Floats:
        """At thresholds between bins, so never above the true one: [...]."""
        found = np.cumsum(self.members[..., ::-1], -1)
        wrong = np.cumsum(self.others[..., ::-1], -1)
        return _most_found(found, wrong, specificity)

    @property
    def average_precision(self) -> Floats:
        """With one threshold between any two bins: [...]."""
        found = np.cumsum(self.members[..., ::-1], -1)
        said = found + np.cumsum(self.others[..., ::-1], -1)
        precision = np.divide(found, said, out=np.zeros_like(found), where=said > 0)
        total = (self.members[..., ::-1] * precision).sum(-1)
        return ratio(total, self.members.sum(-1))


def class_pairs(scores: Floats, truth: Ints, sizes: Ints) -> Pairs:
    """Those of consecutive groups of these sizes, each class against all others: [groups, classes].

    scores: of each class [classes, n]; the members of class c are the samples with truth [n] c.
    """
    shape = (len(sizes), len(scores))
    members = by_group_and_place(np.repeat(np.arange(shape[0]), sizes), truth, None, shape)
    right = np.zeros(shape)
    scores = _ranks(scores) if np.isnan(scores).any() else np.ascontiguousarray(scores)
    for groups, places in equal_groups(sizes, least=2):
        size = places.shape[1]
        if size**2 > COMPARED * len(scores):
            for group, held in zip(groups, places, strict=True):
                right[group] = _pairs_sorted(scores[:, held[0] : held[-1] + 1], truth[held])
            continue
        for start in range(0, len(groups), max(1, TOGETHER // size**2)):
            some = slice(start, start + max(1, TOGETHER // size**2))
            right[groups[some]] = _pairs_compared(scores, truth, places[some])
    return Pairs(right, members * (sizes[:, None] - members))


def _ranks(scores: Floats) -> Floats:
    """Numbers that are ordered as these are, and NaN above all: [classes, n]."""
    ranked = (np.unique(row, return_inverse=True)[1] for row in scores)
    return np.stack([row.astype(np.float64) for row in ranked])


def _pairs_compared(scores: Floats, truth: Ints, places: Ints) -> Floats:
    """`Pairs.right` of groups of one size, every sample held against all others: [m, classes].

    places: of the samples of each group [m, size].
    """
    (m, size), (classes, n) = places.shape, scores.shape
    own = truth[places]
    row = own * n
    theirs = scores.ravel().take(row[:, :, None] + places[:, None, :])
    ours = theirs[:, np.arange(size), np.arange(size), None]
    half = (ours > theirs).astype(np.float32)
    half += ours >= theirs
    half *= own[:, None, :] != own[:, :, None]
    won = half.reshape(-1, size) @ np.full(size, 0.5, np.float32)
    group = np.arange(m)[:, None] + np.zeros_like(own)
    return by_group_and_place(group.ravel(), own.ravel(), won, (m, classes))


def _pairs_sorted(scores: Floats, truth: Ints) -> Floats:
    """`Pairs.right` of one group by the ranks of its samples: [classes]."""
    right = np.zeros(len(scores))
    ranked = np.sort(scores, axis=1)
    for c in np.flatnonzero(np.bincount(truth, minlength=len(scores))):
        members = np.sort(scores[c, truth == c])
        low, high = (np.searchsorted(ranked[c], members, side) for side in ("left", "right"))
        ranks = (low.sum() + high.sum() + len(members)) / 2  # equal scores share the mean of theirs
        right[c] = ranks - len(members) * (len(members) + 1) / 2
    return right


def histogram(scores: Floats, member: NDArray[np.bool_], sizes: Ints) -> Histogram:
    """That of consecutive groups of these sizes: scores [n], NaN above all, member [n]."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    within = np.maximum(np.fmin(scores, WIDEST), -WIDEST)
    place = np.floor((within / WIDEST + 1) * (BINS / 2))
    at = (group, np.minimum(place.astype(np.int64), BINS - 1))
    members, others = (np.zeros((len(sizes), BINS)) for _ in range(2))
    np.add.at(members, at, member)
    np.add.at(others, at, ~member)
    return Histogram(members, others)


class Thresholds(NamedTuple):
    """Samples with at least each score of their group, from the highest score down.

    A group without samples has no threshold, and none of the others follows from it.
    """

    number: int  # of groups
    held: Ints  # [h] groups with samples
    of: Ints  # [thresholds] place in `held`
    found: Floats  # [thresholds] members
    wrong: Floats  # [thresholds] others
    starts: Ints  # [h] the first threshold of each
    ends: Ints  # [h] the last

    def sensitivity(self, specificities: Sequence[float]) -> Floats:
        """That of each group: [groups, specificities]."""
        value = np.full((self.number, len(specificities)), np.nan)
        if not len(self.held):
            return value
        members, others = self.found[self.ends], self.wrong[self.ends]
        known = np.where(others > 0, members, 0.0)
        for at, specificity in enumerate(specificities):
            allowed = self.wrong <= ((1 - specificity) * others + 1e-9)[self.of]
            most = np.maximum.reduceat(np.where(allowed, self.found, 0.0), self.starts)
            value[self.held, at] = ratio(most, known)
        return value

    @property
    def average_precision(self) -> Floats:
        """That of each group: [groups]."""
        value = np.full(self.number, np.nan)
        if len(self.held):
            precision = self.found / (self.found + self.wrong)
            total = np.bincount(self.of, self._gained(self.found) * precision, len(self.held))
            value[self.held] = ratio(total, self.found[self.ends])
        return value

    @property
    def pairs_of_two(self) -> Pairs:
        """Pairs of two classes, of which each is the other's others: [groups, 2].

        Scores are no NaN.
        """
        right, number = np.zeros((self.number, 2)), np.zeros((self.number, 2))
        if len(self.held):
            members, others = self.found[self.ends], self.wrong[self.ends]
            below = others[self.of] - self.wrong + self._gained(self.wrong) / 2
            won = np.bincount(self.of, self._gained(self.found) * below, len(self.held))
            right[self.held], number[self.held] = won[:, None], (members * others)[:, None]
        return Pairs(right, number)

    def _gained(self, counted: Floats) -> Floats:
        """By how much a count has grown since the threshold before."""
        gained = np.diff(counted, prepend=0)
        gained[self.starts] = counted[self.starts]
        return gained


def average_precision(scores: Floats, member: NDArray[np.bool_], sizes: Ints) -> Floats:
    """That of consecutive groups of these sizes: scores [n], member [n] -> [groups]."""
    return thresholds(scores, member, sizes).average_precision


def thresholds(scores: Floats, member: NDArray[np.bool_], sizes: Ints) -> Thresholds:
    """Those of consecutive groups of these sizes: scores [n], member [n]."""
    held = np.flatnonzero(sizes)
    size = sizes[held]
    group = np.repeat(np.arange(len(held)), size)
    order = _falling(scores, sizes)
    s, m = scores[order], member[order]
    last = np.ones(len(s), dtype=bool)  # of equal scores of a group
    last[:-1] = (s[1:] != s[:-1]) | (group[1:] != group[:-1])
    first = np.cumsum(size) - size
    found, wrong = (_running(column, first, group)[last] for column in (m, ~m))
    of = group[last]
    ends = np.cumsum(np.bincount(of, minlength=len(held))) - 1
    starts = np.append(0, ends[:-1] + 1)[: len(held)]
    return Thresholds(len(sizes), held, of, found, wrong, starts, ends)


def _falling(scores: Floats, sizes: Ints) -> Ints:
    """The samples of consecutive groups of these sizes, in each from the highest score: [n]."""
    order = np.arange(len(scores))
    kind: Any = "stable" if np.isnan(scores).any() else None
    for _, places in equal_groups(sizes, least=2):
        falling = np.argsort(-scores[places], axis=1, kind=kind)
        order[places] = np.take_along_axis(places, falling, 1)
    return order


def _running(column: NDArray[np.bool_], starts: Ints, group: Ints) -> Floats:
    """How many are true so far, of each group: column, group [n]; starts [groups]."""
    total = np.cumsum(column)
    before = np.concatenate([[0], total])[starts]
    return (total - before[group]).astype(np.float64)


def _most_found(found: Floats, wrong: Floats, specificity: float) -> Floats:
    """found, wrong [..., thresholds] from the highest threshold down -> [...]."""
    if not found.shape[-1]:
        return np.full(found.shape[:-1], np.nan)
    members, others = found[..., -1], wrong[..., -1]
    allowed = wrong <= (1 - specificity) * others[..., None] + 1e-9
    most = np.where(allowed, found, 0.0).max(-1)
    return ratio(most, np.where(others > 0, members, 0.0))
