"""A site weighs at most so many times as much as the others do."""

from __future__ import annotations

import numpy as np
import pytest

from unalike.network.server.size_limits import size_limits


@pytest.mark.parametrize("n", [3, 4, 5, 8, 31])
def test_the_limit_is_a_multiple_of_the_median_of_the_others(n: int) -> None:
    sizes = np.random.default_rng(n).integers(1, 12, n)
    for i, limit in enumerate(size_limits(sizes, 2.5)):
        others = sorted(np.delete(sizes, i).tolist())
        assert limit == np.rint(2.5 * others[len(others) // 2])


def test_whoever_claims_a_billion_weighs_like_ten_of_the_others() -> None:
    sizes = np.array([100, 10**9, 120, 80])
    assert np.minimum(sizes, size_limits(sizes, 10.0)).tolist() == [100, 1000, 120, 80]


def test_where_nothing_can_be_compared_there_is_no_limit() -> None:
    assert np.array([10**9]) <= size_limits(np.array([10**9]), 10.0)
    two = np.array([5, 10**9])
    assert (two <= size_limits(two, 10.0)).all()
    many = np.array([1, 1, 10**9])
    assert (many <= size_limits(many, 0.0)).all()
