"""Feature skew: its numbers by hand, no alarm where others explain it, and it alone."""

import numpy as np
import pytest

from unalike.diagnosis.diagnose import findings
from unalike.diagnosis.embedding import between_groups, embed, main_directions, sums
from unalike.diagnosis.feature_skew import feature_skew
from unalike.diagnosis.samples import prepare_samples
from unalike.measures.distances import (
    gaussian_kernel,
    gaussian_w2,
    median_distance,
    moments,
    sliced,
)
from unlike_worlds import MODERATE, world


@pytest.mark.parametrize("lens", ["shift", "gain", "noise"])
def test_it_alone_is_found(lens: str) -> None:
    given = prepare_samples(*world(1, feature=MODERATE["feature"], lens=lens))
    assert feature_skew(given, shuffles=100, seed=0).p <= 0.01


def test_it_alone_is_found_alone() -> None:
    given = prepare_samples(*world(1, feature=MODERATE["feature"]))
    assert [f.kind for f in findings(given, shuffles=100) if f.found] == ["feature"]


def test_renaming_alone_is_not_its_business() -> None:
    given = prepare_samples(*world(1, concept=1))
    found = feature_skew(given, shuffles=50, seed=0)
    assert found.measures[0].p < 0.05 < found.p


def test_kernel_values_are_those_of_the_embedding() -> None:
    given = prepare_samples(*world(0, samples=100, clients=3))
    phi = embed(given.x, 0)
    within = whole = 0.0
    for i in range(3):
        own = given.client == i
        whole += own.sum() * np.square(phi[own].mean(0) - phi.mean(0)).sum()
        for k in range(5):
            of_class, cell = given.y == k, own & (given.y == k)
            if cell.any():
                mean_distances = phi[cell].mean(0) - phi[of_class].mean(0)
                within += cell.sum() * np.square(mean_distances).sum()
    found = feature_skew(given, shuffles=20, seed=0).measures
    assert [m.value for m in found[:2]] == pytest.approx([within / 100, whole / 100])


def test_main_directions_keep_what_varies() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)) * [1, 5, 2]
    main = main_directions(x, 3)
    np.testing.assert_allclose(np.diff(main.var(0)) < 0, True)
    np.testing.assert_allclose(main.var(0).sum(), x.var(0).sum())
    np.testing.assert_allclose(main_directions(x, 1), main[:, :1])


@pytest.mark.slow
def test_feature_alarms_are_rare_under_label_skew_alone() -> None:
    p = [
        feature_skew(
            prepare_samples(*world(seed, samples=200, clients=4, label=0.3)), shuffles=19, seed=seed
        )
        .measures[0]
        .p
        for seed in range(40)
    ]
    assert np.mean(np.array(p) <= 0.2) <= 0.2 + 3 * np.sqrt(0.16 / 40)


def test_random_features_are_the_kernel_on_average() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    exact = gaussian_kernel(x, x, median_distance(x))
    drawn = np.stack([phi @ phi.T for phi in (embed(x, seed)[:, :-1] for seed in range(60))])
    error = drawn.std(0, ddof=1) / np.sqrt(60)
    assert (np.abs(drawn.mean(0) - exact) < 5 * error).all()


def test_between_is_the_sum_of_squared_means() -> None:
    phi, group = np.random.default_rng(1).normal(size=(12, 2)), np.arange(12) % 3
    expected = sum(4 * np.square(phi[group == g].mean(0)).sum() for g in range(3))
    assert between_groups(sums(phi, group, 4), np.array([4, 4, 4, 0])) == pytest.approx(expected)


def test_sliced_within_classes_is_the_distance_from_everybody() -> None:
    rng = np.random.default_rng(2)
    x, client = rng.normal(size=(30, 2)), np.arange(30) % 2
    given = prepare_samples(x, np.zeros(30, int), client)
    value = feature_skew(given, shuffles=20, seed=0).measures[2].value
    expected = np.mean(
        [sliced(given.x[given.client == i], given.x, directions=8, seed=0) for i in (0, 1)]
    )
    assert value == pytest.approx(expected, abs=1e-12)


def test_gaussians_within_classes_are_those_of_the_distance() -> None:
    rng = np.random.default_rng(12)
    x, y, client = rng.normal(size=(40, 3)), np.arange(40) % 2, rng.integers(0, 3, 40)
    x[y == 1] *= 2
    given = prepare_samples(x, y, client)
    total, held = 0.0, 0
    for k in (0, 1):
        everybody = moments(given.x[given.y == k])
        for i in range(3):
            own = given.x[(given.y == k) & (given.client == i)]
            total += len(own) * gaussian_w2(*moments(own), *everybody)
            held += len(own)
    value = feature_skew(given, shuffles=20, seed=0).measures[3].value
    assert value == pytest.approx(total / held, rel=1e-6)
