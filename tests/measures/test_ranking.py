"""Pairs of samples in the right order, counted in either of two ways."""

from __future__ import annotations

import numpy as np
import pytest

from unalike.measures import ranking


@pytest.mark.parametrize("sizes", [(), (0,), (7,), (3, 0, 9, 1), (40, 2, 5), (3, 0, 8, 1)])
def test_sorted_and_compared_pairs_are_the_same_numbers(
    sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    luck = np.random.default_rng(0)
    held = np.asarray(sizes, dtype=np.int64)
    scores = luck.integers(0, 6, held.sum()).astype(np.float64)
    member = luck.random(held.sum()) < 0.4
    found = []
    for most, few in ((0, 0), (10**9, 0), (100, 8)):
        monkeypatch.setattr(ranking, "COMPARED", most)
        monkeypatch.setattr(ranking, "FEW", few)
        found.append(ranking.pairs(scores, member, held))
    for one, other in zip(found[0] + found[0], found[1] + found[2], strict=True):
        np.testing.assert_array_equal(one, other)
    ends = np.cumsum(held)[:-1]
    groups = zip(np.split(scores, ends), np.split(member, ends), strict=True)
    by_hand = [
        sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in s[m] for b in s[~m])
        for s, m in groups
    ]
    np.testing.assert_array_equal(found[0].right, by_hand[: len(held)])
