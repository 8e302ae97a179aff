"""Chance: shuffles keep what they promise, p-values are honest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unalike.diagnosis.null import (
    MOST_TIMES,
    Null,
    draw_nulls,
    holm,
    permutation_test,
    shuffle_within,
)


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


def standard_normal(value: float, level: float | None) -> Null:
    return draw_nulls(
        np.array([value]),
        lambda rng: rng.standard_normal(1),
        purpose="test",
        shuffles=100,
        seed=0,
        level=level,
    )[0]


@pytest.mark.parametrize(
    ("value", "times"), [(0.0, 1), (30.0, 1), (1.8, MOST_TIMES), (2.2, MOST_TIMES)]
)
def test_there_are_more_shuffles_where_a_verdict_is_close(value: float, times: int) -> None:
    assert len(standard_normal(value, 0.05).draws) == 100 * times
    assert len(standard_normal(value, None).draws) == 100


@pytest.mark.proof("fixed point", "the interval of p is Clopper and Pearson's, by scipy's own")
def test_the_interval_of_p() -> None:
    draws = np.repeat([0.0, 2.0], [180, 20])
    expected = stats.binomtest(20, 200).proportion_ci(0.99)
    assert Null(1.0, draws).interval == pytest.approx((expected.low, expected.high))


def test_a_value_far_out_is_clear_by_cantelli() -> None:
    draws = np.tile([-1.0, 1.0], 10)
    assert Null(11.0, draws).interval == pytest.approx((0, 1 / 122))
