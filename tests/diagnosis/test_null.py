"""Chance: shuffles keep what they promise, p-values are honest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unalike.diagnosis.null import Null, holm, permutation_test, shuffle_within


@given(st.integers(0, 1000), st.integers(1, 60))
def test_a_shuffle_keeps_every_stratum(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    member, strata = rng.integers(0, 4, n), rng.integers(0, 3, n)
    after = shuffle_within(member, strata, rng)
    for s in range(3):
        assert sorted(member[strata == s]) == sorted(after[strata == s])


def test_a_shuffle_reaches_every_arrangement_alike() -> None:
    rng, member = np.random.default_rng(0), np.array([0, 0, 1, 1, 5])
    strata = np.array([0, 0, 0, 0, 1])
    seen = np.array([shuffle_within(member, strata, rng) for _ in range(3000)])
    assert (seen[:, 4] == 5).all()
    _, counts = np.unique(seen, axis=0, return_counts=True)
    assert len(counts) == 6
    assert abs(counts - 500).max() < 5 * np.sqrt(500)


def test_p_counts_the_truth_among_the_shuffles() -> None:
    draws = np.array([0.0, 1.0, 2.0, 3.0])
    assert Null(5.0, draws).p == pytest.approx(1 / 5)
    assert Null(2.0, draws).p == pytest.approx(3 / 5)
    assert Null(-1.0, draws).p == 1


def test_the_same_seed_gives_the_same_shuffles() -> None:
    member = np.arange(20) % 3

    def first(client: np.ndarray) -> np.ndarray:
        return np.array([client[:5] @ np.arange(5.0)])

    runs = [
        permutation_test(first, member, None, purpose="test", shuffles=10, seed=seed)[0].draws
        for seed in (0, 0, 1)
    ]
    assert (runs[0] == runs[1]).all()
    assert (runs[0] != runs[2]).any()


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])
