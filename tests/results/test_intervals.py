"""Intervals lie on the scale of their measure, and hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from unalike.results.intervals import Interval, over_seeds, paired, paired_p

STUDIES = 1000
SHARE = (0.0, 1.0)


def coverage(samples: np.ndarray, truth: float, bounds: tuple[float, float]) -> float:
    """How often the interval of [studies, seeds] holds the truth."""
    found = [over_seeds(row, bounds) for row in samples]
    assert all(bounds[0] <= one.low < one.mean < one.high <= bounds[1] for one in found)
    return float(np.mean([one.low <= truth <= one.high for one in found]))


@pytest.mark.parametrize("seeds", [3, 5, 10, 20])
@pytest.mark.parametrize(("mean", "sd"), [(0.5, 0.1), (0.8, 0.05), (0.9, 0.05), (0.95, 0.02)])
def test_coverage_of_accuracies(mean: float, sd: float, seeds: int) -> None:
    both = mean * (1 - mean) / sd**2 - 1
    rng = np.random.default_rng([seeds, round(100 * mean)])
    samples = rng.beta(mean * both, (1 - mean) * both, (STUDIES, seeds))
    assert 0.93 <= coverage(samples, mean, SHARE) <= 0.97


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_coverage_of_an_error(seeds: int) -> None:
    samples = np.random.default_rng(seeds).normal(3.0, 0.2, (STUDIES, seeds))
    assert 0.93 <= coverage(samples, 3.0, (0.0, np.inf)) <= 0.97


@pytest.mark.parametrize("seeds", [5, 10])
def test_coverage_of_shares_of_clients(seeds: int) -> None:
    samples = np.random.default_rng(seeds).binomial(16, 0.3, (STUDIES, seeds)) / 16
    assert 0.93 <= coverage(samples, 0.3, SHARE) <= 0.97


def test_near_the_bound_the_plain_interval_covers_too_seldom_and_this_one_does_not() -> None:
    samples = np.random.default_rng(0).beta(98.01, 0.99, (STUDIES, 3))
    assert 0.93 <= coverage(samples, 0.99, SHARE) <= 0.97
    plain = np.array([(one.low, one.high) for one in map(over_seeds, samples)])
    assert np.mean((plain[:, 0] <= 0.99) & (plain[:, 1] >= 0.99)) < 0.91
    assert np.mean(plain[:, 1] > 1) > 0.5  # more than all samples right


def test_seeds_that_are_all_alike_give_no_interval() -> None:
    for value in (0.0, 0.3, 1.0):
        found = over_seeds([value] * 3, SHARE)
        assert found.mean == value
        assert not found.known
        assert not found.excludes_zero
    some = over_seeds([1.0, 1.0, 0.98], SHARE)
    assert 0.5 < some.low < 0.98
    assert 0.995 < some.high < 1


def test_a_bound_on_one_side_ends_the_interval() -> None:
    found = over_seeds([0.1, 0.5], (0.0, np.inf))
    plain = over_seeds([0.1, 0.5])
    assert (found.low, found.high) == (0.0, plain.high)
    assert plain.low < 0
    assert over_seeds([0.9, 1.2], SHARE) == over_seeds([0.9, 1.2])  # these are no shares


def test_differences_are_those_of_the_t_test_within_what_they_can_be() -> None:
    ours, theirs = pd.Series([0.9, 0.2]), pd.Series([0.1, 0.3])
    found = paired(ours, theirs, SHARE)
    assert found == Interval(pytest.approx(0.35), -1.0, 1.0, 2)
    ours, theirs = pd.Series([0.9, 0.8, 0.85]), pd.Series([0.7, 0.65, 0.63])
    test = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    found = paired(ours, theirs, SHARE)
    assert (found.low, found.high) == pytest.approx((test.low, test.high))


@pytest.mark.parametrize("seeds", [2, 3, 5, 6, 9])
def test_differences_that_are_all_the_same_are_judged_by_their_signs(seeds: int) -> None:
    theirs = pd.Series(np.linspace(0.1, 0.8, seeds))
    found = paired(theirs + 0.05, theirs, SHARE)
    sign = stats.binomtest(seeds, seeds).pvalue
    assert paired_p(np.full(seeds, 0.05)) == pytest.approx(sign)
    assert found.excludes_zero == (sign < 0.05) == found.known
    assert not paired(theirs, theirs).excludes_zero
