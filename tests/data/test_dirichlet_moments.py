"""The moments that the two Dirichlet splits must show, within three standard errors."""

import numpy as np
import pytest

from unalike.data.splits import deal

CLASSES = 10


@pytest.mark.parametrize(("alpha", "variation"), [(0.1, 0.671), (0.5, 0.387), (1.0, 0.286)])
def test_dirichlet_sizes_vary_as_they_should(alpha, variation):
    """Coefficient of variation sqrt((N - 1) / (C (N alpha + 1))) for N = C = 10."""
    clients, samples = 10, 10_000
    labels = np.tile(np.arange(CLASSES), samples // CLASSES)
    squares = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        held = deal("dirichlet", labels, clients, rng, alpha=alpha, min_size=0)
        sizes = np.array([len(rows) for rows in held])
        squares.append(np.mean((sizes * clients / samples - 1) ** 2))
    assert np.sqrt((clients - 1) / CLASSES / (clients * alpha + 1)) == pytest.approx(
        variation, abs=5e-4
    )
    error = np.std(squares) / np.sqrt(len(squares))
    assert abs(np.mean(squares) - variation**2) < 3 * error


@pytest.mark.parametrize(
    ("alpha", "distance"), [(0.1, 0.711), (0.5, 0.458), (1.0, 0.348), (10.0, 0.119)]
)
def test_dirichlet_mixes_are_as_far_from_uniform_as_they_should(alpha, distance):
    """Mean total variation to the uniform mix.

    All samples must be used, so what the clients' mixes ask for in excess of a class they get
    from others: on average 0.4 standard deviations of the demand (half of E|z|), by which the
    distance may fall short.
    """
    clients = 400
    labels = np.tile(np.arange(CLASSES), 4_000 * clients // CLASSES)
    held = deal("dirichlet-mix", labels, clients, np.random.default_rng(3), alpha=alpha)
    mixes = np.stack([np.bincount(labels[rows], minlength=CLASSES) / 4_000 for rows in held])
    distances = np.abs(mixes - 1 / CLASSES).sum(axis=1) / 2
    error = distances.std() / np.sqrt(clients)
    excess = 0.4 * np.sqrt((CLASSES - 1) / (CLASSES * alpha + 1) / clients)
    assert distance - excess - 3 * error < distances.mean() < distance + 3 * error


def test_a_mix_goes_on_in_its_own_proportions_when_a_class_is_used_up():
    """Class 0 is scarce; the share of class 1 among the others stays Beta(alpha, alpha)."""
    clients, alpha = 1_000, 0.3
    labels = np.repeat([0, 1, 2], [clients, 250 * clients, 250 * clients])
    held = deal("dirichlet-mix", labels, clients, np.random.default_rng(0), alpha=alpha)
    counts = np.stack([np.bincount(labels[rows], minlength=3) for rows in held])
    shares = counts[:, 1] / counts[:, 1:].sum(axis=1)
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    assert shares.std() == pytest.approx(np.sqrt(1 / (8 * alpha + 4)), abs=0.02)
