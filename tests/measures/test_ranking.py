"""Pairs of samples in the right order, counted in either of two ways."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from unalike.measures import ranking

SIZES = [(), (0,), (7,), (3, 0, 9, 1), (40, 2, 5), (3, 0, 8, 1)]
CLASSES = 3


@pytest.mark.parametrize("sizes", SIZES)
def test_sorted_and_compared_pairs_are_the_same_numbers(
    sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    luck = np.random.default_rng(0)
    held = np.asarray(sizes, dtype=np.int64)
    scores = luck.integers(0, 6, (CLASSES, held.sum())).astype(np.float64)
    truth = luck.integers(CLASSES, size=held.sum())
    found = []
    for most, together in ((0, 100), (10**9, 10**9), (30, 100)):
        monkeypatch.setattr(ranking, "COMPARED", most)
        monkeypatch.setattr(ranking, "TOGETHER", together)
        found.append(ranking.class_pairs(scores, truth, held))
    for one, other in zip(found[0] + found[0], found[1] + found[2], strict=True):
        np.testing.assert_array_equal(one, other)
    ends = np.cumsum(held)[:-1]
    for c in range(CLASSES):
        groups = zip(np.split(scores[c], ends), np.split(truth == c, ends), strict=True)
        by_hand = [
            sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in s[m] for b in s[~m])
            for s, m in groups
        ]
        np.testing.assert_array_equal(found[0].right[:, c], by_hand[: len(held)])
        number = [m.sum() * (~m).sum() for m in np.split(truth == c, ends)]
        np.testing.assert_array_equal(found[0].number[:, c], number[: len(held)])


@pytest.mark.parametrize("sizes", SIZES)
def test_average_precision_of_groups_is_that_of_each(sizes: tuple[int, ...]) -> None:
    luck = np.random.default_rng(1)
    held = np.asarray(sizes, dtype=np.int64)
    scores = luck.integers(0, 6, held.sum()).astype(np.float64)
    member = luck.random(held.sum()) < 0.4
    ends = np.cumsum(held)[:-1]
    groups = zip(np.split(scores, ends), np.split(member, ends), strict=True)
    by_hand = [average_precision_score(m, s) if m.any() else np.nan for s, m in groups]
    found = ranking.average_precision(scores, member, held)
    np.testing.assert_allclose(found, by_hand[: len(held)], rtol=1e-12)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("extreme", [None, np.inf])
def test_yes_or_no_is_ranked_by_one_order_of_each_group(
    sizes: tuple[int, ...], extreme: float | None
) -> None:
    luck = np.random.default_rng(2)
    held = np.asarray(sizes, dtype=np.int64)
    scores = luck.integers(0, 6, held.sum()).astype(np.float64)
    if extreme is not None:
        scores[::3], scores[1::5] = extreme, -extreme
    member = luck.random(held.sum()) < 0.4
    above = ranking.thresholds(scores, member, held)
    found, ends = above.pairs_of_two, np.cumsum(held)[:-1]
    known = ranking.class_pairs(np.stack([-scores, scores]), member.astype(np.int64), held)
    for one, other in zip(found, known, strict=True):
        np.testing.assert_array_equal(one, other)
    groups = list(zip(np.split(scores, ends), np.split(member, ends), strict=True))[: len(held)]
    for g, (s, m) in enumerate(groups):
        auc = roc_auc_score(m, np.clip(s, -9, 9)) if 0 < m.sum() < len(m) else np.nan
        np.testing.assert_allclose(found.auc[g], [auc, auc], rtol=1e-12)
        for at, specificity in enumerate((0.5, 0.9)):
            most = (1 - specificity) * (~m).sum() + 1e-9
            passed = [s >= threshold for threshold in np.unique(s)]
            right = [m[p].sum() for p in passed if p[~m].sum() <= most]
            best = max(right, default=0) / m.sum() if 0 < m.sum() < len(m) else np.nan
            np.testing.assert_allclose(above.sensitivity((0.5, 0.9))[g, at], best, rtol=1e-12)


@pytest.mark.parametrize("most", [0, 10**9])
def test_scores_that_are_no_numbers_are_equal_and_above_all_others(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "COMPARED", most)
    scores = np.array([[np.nan, 1, np.inf, np.nan], [0, np.nan, 0, -np.inf]])
    truth, sizes = np.array([0, 1, 1, 1]), np.array([4])
    found = ranking.class_pairs(scores, truth, sizes)
    np.testing.assert_array_equal(found.right, [[2.5, 1.5]])
    np.testing.assert_array_equal(found.number, [[3, 3]])


def test_counts_that_add_up_hold_a_score_that_is_no_number_above_all() -> None:
    scores = np.array([0.3, np.nan, -np.inf, 2.0, np.nan])
    member, sizes = np.array([True, True, False, False, False]), np.array([3, 2])
    counted = ranking.histogram(scores, member, sizes)
    above = ranking.histogram(np.nan_to_num(scores, nan=np.inf), member, sizes)
    for part, same in zip(counted, above, strict=True):
        np.testing.assert_array_equal(part, same)
    assert counted.members.sum() == 2
    assert counted.others.sum() == 3
