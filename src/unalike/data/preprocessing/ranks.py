"""Medians and quartiles of all clients' values, exactly, from histograms that grow finer.

A client counts how many of its values lie in each of 256 equal bins between two bounds. The bin
that holds the wanted rank gives the next bounds, until it is one step wide: seven histograms
at most, since values are counted in at most 2^52 steps.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .exact_sums import Steps

BINS = 256
Intervals = dict[str, tuple["Interval", ...]]
Histograms = Mapping[str, Sequence[Sequence[int]]]
Quartiles = tuple[Fraction, Fraction, Fraction]
QUARTILES = (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))


class Interval(NamedTuple):
    """Steps from `low` on, `width` of them."""

    low: int
    width: int

    @property
    def bin_width(self) -> int:
        """Steps in one of its bins."""
        return -(-self.width // BINS)


class Search(NamedTuple):
    """The value of one rank, not yet found: it lies in an interval, above `below` values."""

    rank: int  # from 0
    interval: Interval
    below: int = 0

    @property
    def found(self) -> int | None:
        """The value in steps, once there is one candidate left."""
        return self.interval.low if self.interval.width == 1 else None

    def narrowed(self, histogram: Sequence[int]) -> Search:
        """After one more histogram of this interval, summed over clients."""
        below, width = self.below, self.interval.bin_width
        for place, count in enumerate(histogram):
            if self.rank < below + count:
                left = self.interval.low + place * width
                end = self.interval.low + self.interval.width
                return Search(self.rank, Interval(left, min(width, end - left)), below)
            below += count
        raise ValueError(f"rank {self.rank} lies above all values counted")


def histogram(steps: Steps, interval: Interval) -> list[int]:
    """How many values lie in each bin of an interval: [256]."""
    inside = (steps >= interval.low) & (steps < interval.low + interval.width)
    places = (steps[inside] - interval.low) // interval.bin_width
    return [int(n) for n in np.bincount(places, minlength=BINS)]


def neighbours(quantile: Fraction, count: int) -> tuple[int, int, Fraction]:
    """The two ranks between which a quantile of `count` values lies, and how far along."""
    place = quantile * (count - 1)
    left = place.numerator // place.denominator
    return left, min(left + 1, count - 1), place - left


def summed(parts: Sequence[Histograms]) -> dict[str, list[list[int]]]:
    """The histograms of all clients together."""
    return {
        name: [
            [sum(counts) for counts in zip(*(part[name][i] for part in parts), strict=True)]
            for i in range(len(parts[0][name]))
        ]
        for name in parts[0]
    }


def find_quartiles(
    ends: Mapping[str, int], counts: Mapping[str, int]
) -> Generator[Intervals, Histograms, dict[str, Quartiles]]:
    """Ask for histograms, summed over clients, until the quartiles of each column are known.

    ends: the largest value of each column, in steps from its smallest; counts: how many values.
    A quartile between two values lies between them, as numpy's linear quantiles do.
    """
    searches = {name: _searches(end, counts[name]) for name, end in ends.items()}
    while True:
        asked: Intervals = {}
        for name, ranks in searches.items():
            left = tuple(sorted({s.interval for s in ranks.values() if s.found is None}))
            if left:
                asked[name] = left
        if not asked:
            break
        told = yield asked
        for name, intervals in asked.items():
            by_interval = dict(zip(intervals, told[name], strict=True))
            searches[name] = {
                rank: one if one.found is not None else one.narrowed(by_interval[one.interval])
                for rank, one in searches[name].items()
            }
    return {name: _quartiles(ranks, counts[name]) for name, ranks in searches.items()}


def _searches(end: int, count: int) -> dict[int, Search]:
    ranks = {rank for quantile in QUARTILES for rank in neighbours(quantile, count)[:2]}
    return {rank: Search(rank, Interval(0, end + 1)) for rank in sorted(ranks)}


def _quartiles(ranks: Mapping[int, Search], count: int) -> Quartiles:
    found = []
    for quantile in QUARTILES:
        left, right, along = neighbours(quantile, count)
        low, high = ranks[left].interval.low, ranks[right].interval.low
        found.append(low + along * (high - low))
    return found[0], found[1], found[2]
