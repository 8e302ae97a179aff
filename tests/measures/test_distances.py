"""Distances between clients: known numbers, identities, and what each is blind to."""

import numpy as np
import pytest

from unalike.measures.distances import (
    coordinates,
    entropy,
    gaussian_kernel,
    gaussian_w2,
    hellinger,
    jensen_shannon,
    median_distance,
    mmd2,
    moments,
    ordered_labels,
    otdd,
    sliced,
    sphere,
    total_variation,
    transport,
)
from unalike.measures.quantity_imbalance import coefficient_of_variation, effective_clients

P, Q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])
UNLIKE = 1 - np.eye(3)


def draws(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(
    ("distance", "value"),
    [
        (total_variation, 0.5),
        (ordered_labels, 0.75),
        (jensen_shannon, 0.311278124459),
        (hellinger, 0.541196100146),
    ],
)
def test_labels(distance, value) -> None:
    assert distance(P, Q) == pytest.approx(value, abs=1e-11)
    assert distance(Q, P) == pytest.approx(value, abs=1e-11)
    assert distance(P, P) == 0
    pairs = distance(np.stack([P, Q])[:, None], np.stack([P, Q])[None])
    np.testing.assert_allclose(pairs, [[0, value], [value, 0]], atol=1e-11)


@pytest.mark.parametrize("distance", [total_variation, jensen_shannon, hellinger])
def test_labels_without_overlap_are_one_apart(distance) -> None:
    assert distance(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1.0)


def test_total_variation_is_transport_with_the_discrete_metric() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        p, q = rng.dirichlet(np.ones(3), size=2)
        assert transport(UNLIKE, p, q) == pytest.approx(total_variation(p, q), abs=1e-9)


def test_ordered_labels_are_transport_with_steps() -> None:
    steps = np.abs(np.subtract.outer(np.arange(3), np.arange(3))).astype(float)
    assert transport(steps, P, Q) == pytest.approx(0.75, abs=1e-9)


def test_bounds_between_hellinger_and_total_variation() -> None:
    p, q = np.random.default_rng(1).dirichlet(np.full(5, 0.3), size=(2, 200))
    h, tv = hellinger(p, q), total_variation(p, q)
    assert (h**2 <= tv + 1e-12).all()
    assert (tv <= np.sqrt(2) * h + 1e-12).all()


def test_jensen_shannon_is_what_a_label_tells_of_its_owner() -> None:
    joint = np.stack([P, Q]) / 2
    information = entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint.ravel())
    assert jensen_shannon(P, Q) == pytest.approx(information, abs=1e-12)


def test_transport_by_assignment_and_by_linear_program_agree() -> None:
    cost = np.random.default_rng(2).random((6, 6))
    equal = np.full(6, 1 / 6)
    nearly = equal + 1e-13 * np.array([1, -1, 0, 0, 0, 0])
    assert transport(cost, equal, equal) == pytest.approx(transport(cost, nearly, equal), abs=1e-9)


def test_a_shift_costs_its_length_in_each_coordinate() -> None:
    x = draws(0, 50, 2)
    np.testing.assert_allclose(coordinates(x, x + np.array([0.7, -0.2])), [0.7, 0.2], atol=1e-12)
    np.testing.assert_allclose(coordinates(x, np.concatenate([x, x])), 0, atol=1e-12)


def test_coordinates_between_samples_of_different_sizes() -> None:
    # the fourth quarter of the mass of y moves from 1 to 3
    x, y = np.array([[0.0], [1.0]]), np.array([[0.0], [0.0], [1.0], [3.0]])
    np.testing.assert_allclose(coordinates(x, y), 0.25 * 2)


def test_coordinates_are_blind_to_dependence_and_slices_are_not() -> None:
    x = draws(1, 2000, 1)
    together, apart = np.hstack([x, x]), np.hstack([x, -x])
    assert coordinates(together, apart).max() < 0.1
    assert sliced(together, apart) > 0.3


def test_slices_of_a_shift() -> None:
    x, shift = draws(2, 40, 3), np.array([0.7, 0.0, 0.0])
    expected = np.abs(shift @ sphere(3, 50, 0)).mean()
    assert sliced(x, x + shift) == pytest.approx(expected, abs=1e-12)
    assert sliced(x, x + shift, directions=4000) == pytest.approx(0.35, abs=0.01)
    assert sliced(x[:, :1], x[:, :1] + 0.7) == pytest.approx(0.7, abs=1e-12)


def test_mmd_of_two_gaussians_as_the_closed_form() -> None:
    exact = 2 * np.sqrt(1 / 3) * (1 - np.exp(-1 / 6))
    assert exact == pytest.approx(0.17727, abs=1e-5)
    x, y = draws(3, 1500, 1), draws(4, 1500, 1) + 1
    assert mmd2(x, y, scale=1) == pytest.approx(exact, abs=0.03)


def test_mmd_of_a_sample_with_itself() -> None:
    x = draws(5, 40, 3)
    assert mmd2(x, x, biased=True) == pytest.approx(0, abs=1e-12)
    assert mmd2(x, x) < 0


def test_unbiased_mmd_is_zero_on_average() -> None:
    found = [mmd2(draws(2 * s, 30, 2), draws(2 * s + 1, 20, 2), scale=1.5) for s in range(300)]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 4 * error
    assert min(found) < 0


def test_the_median_distance() -> None:
    assert median_distance(np.array([[0.0], [1.0], [3.0]])) == 2
    assert median_distance(np.zeros((3, 2))) == 1
    assert gaussian_kernel(np.zeros((1, 1)), np.full((1, 1), 2.0), 2.0)[0, 0] == pytest.approx(
        np.exp(-0.5)
    )


def test_gaussians() -> None:
    value = gaussian_w2(np.zeros(2), np.diag([1.0, 4.0]), np.array([3.0, 0.0]), np.diag([4.0, 1.0]))
    assert value == pytest.approx(11, abs=1e-9)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    first, second = turn @ np.diag([1.0, 4.0]) @ turn.T, turn @ np.diag([4.0, 1.0]) @ turn.T
    assert gaussian_w2(np.zeros(2), first, np.zeros(2), second) == pytest.approx(2, abs=1e-9)
    mean, covariance = moments(draws(6, 30, 3))
    assert gaussian_w2(mean, covariance, mean, covariance) == pytest.approx(0, abs=1e-9)


def test_otdd_of_a_shift_is_paid_twice() -> None:
    rng = np.random.default_rng(7)
    y = np.repeat([0, 1], 10)
    x = 20.0 * y[:, None] + rng.normal(size=(20, 2))
    shift = np.array([0.3, 0.4])
    assert otdd(x, y, x, y) == pytest.approx(0, abs=1e-9)
    assert otdd(x, y, x + shift, y) == pytest.approx(2 * 0.25, abs=1e-9)


def test_otdd_is_blind_to_names_of_classes() -> None:
    y = np.repeat([0, 1], 8)
    x = 20.0 * y[:, None] + draws(8, 16, 2)
    assert otdd(x, y, x, 1 - y) == pytest.approx(0, abs=1e-9)


def test_otdd_between_sets_of_different_sizes() -> None:
    y = np.repeat([0, 1], 4)
    x = 20.0 * y[:, None] + draws(9, 8, 2)
    twice = np.repeat(np.arange(8), 2)
    assert otdd(x, y, x[twice], y[twice]) == pytest.approx(0, abs=1e-8)


def test_sizes() -> None:
    sizes = np.array([1000, 100, 50, 10])
    assert coefficient_of_variation(np.full(5, 7)) == 0
    assert effective_clients(np.full(5, 7)) == pytest.approx(5)
    assert effective_clients(np.array([1000, 1])) == pytest.approx(1.002, abs=1e-3)
    cv = coefficient_of_variation(sizes)
    assert effective_clients(sizes) == pytest.approx(4 / (1 + cv**2), abs=1e-12)
