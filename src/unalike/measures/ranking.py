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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .groups import Floats, Ints, by_group, ratio

COMPARED = 1 << 18
"""Pairs of samples up to which each is looked at; beyond, samples are sorted."""
FEW = 8
"""Samples of a group up to which pairs are looked at however many groups there are."""
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


def pairs(scores: Floats, member: NDArray[np.bool_], sizes: Ints) -> Pairs:
    """Those of consecutive groups of these sizes, by their ranks: scores [n], member [n]."""
    widest = max(1, int(sizes.max(initial=0)))
    fit = max(1, COMPARED // widest**2)
    together = len(sizes) * widest**2 <= COMPARED
    if (together or widest <= FEW) and not np.isnan(scores).any():
        ends = np.concatenate([[0], np.cumsum(sizes)])
        found = []
        for start in range(0, max(1, len(sizes)), fit):
            some = sizes[start : start + fit]
            held = slice(ends[start], ends[start + len(some)])
            found.append(_pairs_compared(scores[held], member[held], some))
        return Pairs(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
    group = np.repeat(np.arange(len(sizes)), sizes)
    members = by_group(member, sizes)
    rank_sum = by_group(np.where(member, _ranks(scores, group, sizes), 0.0), sizes)
    return Pairs(rank_sum - members * (members + 1) / 2, members * (sizes - members))


def _pairs_compared(scores: Floats, member: NDArray[np.bool_], sizes: Ints) -> Pairs:
    """`pairs`, each of a group's samples held against each other one."""
    real = np.arange(sizes.max(initial=0)) < sizes[:, None]
    s, m = np.zeros(real.shape), np.zeros(real.shape, dtype=bool)
    s[real], m[real] = scores, member
    both = m[:, :, None] & (real & ~m)[:, None, :]
    above, level = s[:, :, None] > s[:, None, :], s[:, :, None] == s[:, None, :]
    won = (both & above).sum((1, 2)) + (both & level).sum((1, 2)) / 2
    return Pairs(won.astype(np.float64), both.sum((1, 2)).astype(np.float64))


def histogram(scores: Floats, member: NDArray[np.bool_], sizes: Ints) -> Histogram:
    """That of consecutive groups of these sizes: scores [n], member [n]."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    place = np.floor((np.clip(scores, -WIDEST, WIDEST) / WIDEST + 1) * (BINS / 2))
    at = (group, np.minimum(place.astype(np.int64), BINS - 1))
    members, others = (np.zeros((len(sizes), BINS)) for _ in range(2))
    np.add.at(members, at, member)
    np.add.at(others, at, ~member)
    return Histogram(members, others)


def sensitivity(
    scores: Floats, member: NDArray[np.bool_], sizes: Ints, specificities: Sequence[float]
) -> Floats:
    """That of consecutive groups of these sizes: [groups, specificities]."""
    value = np.full((len(sizes), len(specificities)), np.nan)
    held = np.flatnonzero(sizes)
    if not len(held):
        return value
    ends = np.cumsum(sizes[held])
    starts = ends - sizes[held]
    group = np.repeat(np.arange(len(held)), sizes[held])
    order = np.lexsort((-scores, group))
    s, m = scores[order], member[order]
    last = np.ones(len(s), dtype=bool)  # of equal scores of a group
    last[:-1] = (s[1:] != s[:-1]) | (group[1:] != group[:-1])
    found, wrong = (_running(column, starts, group) for column in (m, ~m))
    members, others = found[ends - 1], wrong[ends - 1]
    for at, specificity in enumerate(specificities):
        allowed = last & (wrong <= ((1 - specificity) * others + 1e-9)[group])
        most = np.maximum.reduceat(np.where(allowed, found, 0.0), starts)
        value[held, at] = ratio(most, np.where(others > 0, members, 0.0))
    return value


def _running(column: NDArray[np.bool_], starts: Ints, group: Ints) -> Floats:
    """How many are true so far, of each group: column, group [n]; starts [groups]."""
    total = np.cumsum(column)
    before = np.concatenate([[0], total])[starts]
    return (total - before[group]).astype(np.float64)


def average_precision(scores: Floats, member: NDArray[np.bool_], sizes: Ints) -> Floats:
    """That of consecutive groups of these sizes: [groups]."""
    value = np.full(len(sizes), np.nan)
    for g, (s, m) in enumerate(_each(scores, member, sizes)):
        if m.any():
            found, wrong = _above(s, m)
            value[g] = (np.diff(found, prepend=0) * found / (found + wrong)).sum() / m.sum()
    return value


def _ranks(scores: Floats, group: Ints, sizes: Ints) -> Floats:
    """Ranks 1.. inside each group [n]; equal scores share the mean of theirs."""
    order = np.lexsort((scores, group))
    s, g = scores[order], group[order]
    fresh = np.ones(len(s), dtype=bool)
    fresh[1:] = (s[1:] != s[:-1]) | (g[1:] != g[:-1])
    block = np.cumsum(fresh) - 1
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(s)) if len(s) else first
    start = np.concatenate([[0], np.cumsum(sizes)])[g]
    ranks = np.empty(len(s))
    ranks[order] = (first + last + 1)[block] / 2 - start
    return ranks


def _above(scores: Floats, member: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Members and others with at least each score, from the highest score down."""
    order = np.argsort(-scores, kind="stable")
    s, m = scores[order], member[order]
    ends = np.append(s[1:] != s[:-1], True) if len(s) else np.zeros(0, dtype=bool)
    return np.cumsum(m)[ends].astype(np.float64), np.cumsum(~m)[ends].astype(np.float64)


def _most_found(found: Floats, wrong: Floats, specificity: float) -> Floats:
    """found, wrong [..., thresholds] from the highest threshold down -> [...]."""
    if not found.shape[-1]:
        return np.full(found.shape[:-1], np.nan)
    members, others = found[..., -1], wrong[..., -1]
    allowed = wrong <= (1 - specificity) * others[..., None] + 1e-9
    most = np.where(allowed, found, 0.0).max(-1)
    return ratio(most, np.where(others > 0, members, 0.0))


def _each(
    scores: Floats, member: NDArray[np.bool_], sizes: Ints
) -> list[tuple[Floats, NDArray[np.bool_]]]:
    ends = np.cumsum(sizes)[:-1]
    return list(zip(np.split(scores, ends), np.split(member, ends), strict=True))
