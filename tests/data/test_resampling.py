"""What clients keep of what they were dealt: the moments of the mixes, sizes, and edge cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unalike.data.skews.resampling import Label, Quantity, largest_subset

CLASSES = 10
few = settings(max_examples=60, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("alpha", "square", "distance"),
    [(0.1, 0.55, 0.711), (0.5, 0.25, 0.458), (1.0, 0.1818, 0.348), (10.0, 0.1089, 0.119)],
)
def test_kept_mixes_are_those_of_the_dirichlet(alpha, square, distance):
    """E |p|^2 = (alpha + 1) / (C alpha + 1), and the mean total variation to the uniform mix."""
    clients, each = 600, 4_000
    labels = np.tile(np.arange(CLASSES), clients * each // CLASSES)
    held = np.split(np.arange(len(labels)), clients)
    kept, _ = Label(alpha=alpha).resample(labels, held, seed=1, least=1)
    mixes = np.stack([np.bincount(labels[rows], minlength=CLASSES) / len(rows) for rows in kept])
    assert (alpha + 1) / (CLASSES * alpha + 1) == pytest.approx(square, abs=5e-5)
    for values, expected in (
        ((mixes**2).sum(1), square),
        (np.abs(mixes - 1 / CLASSES).sum(1) / 2, distance),
    ):
        error = values.std() / np.sqrt(clients)
        assert abs(values.mean() - expected) < 3 * error + 1e-3


def test_groups_share_a_mix():
    labels = np.tile(np.arange(5), 4_000)
    held = np.split(np.arange(20_000), 10)
    kept, truth = Label(alpha=0.5, groups=2).resample(labels, held, seed=0, least=1)
    mixes = np.stack([np.bincount(labels[rows], minlength=5) / len(rows) for rows in kept])
    for g in (0, 1):
        alike = mixes[truth.group == g]
        assert np.abs(alike - alike[0]).max() < 0.02
    apart = mixes[truth.group == 0][0] - mixes[truth.group == 1][0]
    assert np.abs(apart).max() > 0.1


@few
@given(
    table=st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=1, max_size=5),
    alpha=st.sampled_from([1e-3, 0.1, 1.0, 1e3]),
    least=st.integers(0, 4),
    seed=st.integers(0, 999),
)
def test_any_holdings_keep_a_part_of_each(table, alpha, least, seed):
    counts = np.array(table)
    labels = np.concatenate([np.repeat(np.arange(3), row) for row in counts] + [np.arange(3)])
    held = np.split(np.arange(counts.sum()), np.cumsum(counts.sum(1))[:-1])
    for skew in (Label(alpha=alpha), Quantity(sigma=3.0), Quantity(law="power", exponent=4.0)):
        kept, _ = skew.resample(labels, held, seed=seed, least=least)
        assert len(kept) == len(held)
        for before, after in zip(held, kept, strict=True):
            assert set(after) <= set(before)
            assert len(after) == len(set(after)) >= min(least, len(before))


def test_the_largest_part_with_a_mix():
    table = np.array([[10, 20, 30], [10, 0, 30], [5, 5, 5]])
    mixes = np.array([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    assert largest_subset(table, mixes).tolist() == [[10, 5, 5], [10, 0, 0], [5, 5, 5]]


def test_shares_fall_by_the_power_law_and_spread_by_the_lognormal():
    labels = np.zeros(100_000, np.int64)
    held = np.split(np.arange(100_000), 10)
    kept, _ = Quantity(law="power", exponent=1.0).resample(labels, held, seed=0, least=1)
    sizes = np.sort([len(rows) for rows in kept])[::-1]
    np.testing.assert_allclose(sizes, 10_000 / np.arange(1, 11), atol=1)
    many = np.split(np.arange(100_000), 1_000)
    kept, _ = Quantity(sigma=0.3).resample(labels, many, seed=0, least=1)
    logs = np.log([len(rows) for rows in kept])
    assert np.std(logs) == pytest.approx(0.3, abs=3 * 0.3 / np.sqrt(2_000) + 0.02)


def test_both_together_keep_the_mix_of_the_one_and_the_size_of_the_other():
    """What is left to chance in the one is no different after the other."""
    labels = np.tile([0, 1], 5_000)
    held = np.split(np.arange(10_000), 4)
    mixed, _ = Label(alpha=0.3).resample(labels, held, seed=3, least=1)
    both, _ = Quantity(sigma=1.0).resample(labels, mixed, seed=3, least=1)
    for before, after in zip(mixed, both, strict=True):
        p = labels[before].mean()
        spread = np.sqrt(p * (1 - p) / len(after))
        assert abs(labels[after].mean() - p) < 4 * spread + 1e-9
