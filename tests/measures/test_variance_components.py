"""Variances between and within clients, from sums, against closed forms."""

import numpy as np
import pytest

from unalike.measures.variance_components import added, client_sums, variance_components


def estimate(x, y, client):
    parts = [client_sums(x[client == one], y[client == one]) for one in np.unique(client)]
    return variance_components(added(parts))


def drawn(seed, sizes, *, p=0, tau=0.7, sigma=1.1):
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(len(sizes)), sizes)
    x = rng.normal(size=(len(client), p)) + rng.normal(size=(len(sizes), p))[client]
    level = tau * rng.normal(size=len(sizes))[client]
    y = 5 + x @ np.arange(1, p + 1) + level + sigma * rng.normal(size=len(client))
    return x, y, client


def test_clients_of_one_size_are_the_analysis_of_variance():
    clients, n = 9, 7
    x, y, client = drawn(0, (n,) * clients)
    means = y.reshape(clients, n).mean(1)
    between = n * ((means - y.mean()) ** 2).sum() / (clients - 1)
    within = ((y.reshape(clients, n) - means[:, None]) ** 2).sum() / (clients * (n - 1))
    found = estimate(x, y, client)
    assert found.within == pytest.approx(within, rel=1e-12)
    assert found.between == pytest.approx((between - within) / n, rel=1e-12)


def test_clients_of_unequal_sizes_without_features():
    sizes = np.array([1, 3, 20, 8, 13])
    x, y, client = drawn(1, sizes)
    means = np.bincount(client, y) / sizes
    within = ((y - means[client]) ** 2).sum() / (sizes.sum() - 5)
    between = (sizes * (means - y.mean()) ** 2).sum() / 4
    weight = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / 4
    found = estimate(x, y, client)
    assert found.within == pytest.approx(within, rel=1e-12)
    assert found.between == pytest.approx((between - within) / weight, rel=1e-12)


def test_sums_of_squares_of_regressions_with_features():
    x, y, client = drawn(2, (4, 9, 15, 6, 30, 2), p=2)
    levels, together = np.eye(6)[client], np.column_stack([np.ones(len(y)), x])

    def left(design):
        return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]

    n = len(y)
    noise = (left(np.column_stack([levels, x])) ** 2).sum() / (n - 6 - 2)
    hat = np.eye(n) - together @ np.linalg.pinv(together)
    spread = np.trace(hat @ levels @ levels.T)
    found = estimate(x, y, client)
    assert found.within == pytest.approx(noise, rel=1e-9)
    expected = ((left(together) ** 2).sum() - (n - 3) * noise) / spread
    assert found.between == pytest.approx(expected, rel=1e-9)


def test_they_are_unbiased():
    sizes = (3, 30, 8, 12, 5, 20, 9)
    found = [estimate(*drawn(seed, sizes, p=1)) for seed in range(400)]
    between, within = np.array(found).T
    for values, truth in ((between, 0.49), (within, 1.21)):
        error = values.std() / np.sqrt(len(values))
        assert abs(values.mean() - truth) < 4 * error


def test_neither_unit_nor_level_nor_useless_columns_matter():
    x, y, client = drawn(3, (5, 12, 8, 20), p=2)
    usual = estimate(x, y, client)
    moved = estimate(x * [1e-4, 1e3] + [0, 2e3], 7e3 + 50 * y, client)
    np.testing.assert_allclose(np.array(moved) / 2500, usual, rtol=1e-6)
    more = np.column_stack([x, np.zeros(len(y)), x[:, 0], (client == 1) * 1.0])
    one_less = np.column_stack([x, (client == 1) * 1.0])
    np.testing.assert_allclose(estimate(more, y, client), estimate(one_less, y, client), rtol=1e-8)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (9,)], ids=["one sample each", "one client"])
def test_what_cannot_be_told_apart_is_unknown(sizes):
    assert np.isnan(estimate(*drawn(4, sizes))).all()


def test_an_empty_client_adds_nothing():
    x, y, client = drawn(5, (4, 6, 9), p=1)
    parts = [client_sums(x[client == i], y[client == i]) for i in range(3)]
    nobody = client_sums(np.zeros((0, 1)), np.zeros(0))
    assert variance_components(added([*parts, nobody])) == variance_components(added(parts))
