"""Sobol's sequence by its definition; samplers that go on where they stopped."""

import numpy as np
import pytest

from unalike.tuning.samplers import SAMPLERS, sobol


def gray_code_of_reversed_bits(n: int) -> float:
    """The n-th number of the first axis: the bits of n's Gray code behind the point, reversed."""
    gray, value, weight = n ^ (n >> 1), 0.0, 0.5
    while gray:
        value += weight * (gray & 1)
        gray, weight = gray >> 1, weight / 2
    return value


def test_the_first_axis_is_the_sequence_of_van_der_corput_in_gray_code() -> None:
    points = sobol(3, [], [], 31)
    assert [point[0] for point in points] == [gray_code_of_reversed_bits(n) for n in range(1, 32)]


def test_every_axis_has_one_of_fifteen_points_in_each_sixteenth_but_the_first() -> None:
    points = np.array(sobol(4, [], [], 15))
    for axis in points.T:
        assert sorted(np.floor(16 * axis).astype(int)) == list(range(1, 16))


def test_two_axes_have_one_point_in_each_square_but_that_of_the_origin() -> None:
    points = np.array([*sobol(2, [], [], 15), (0.0, 0.0)])
    squares = {tuple(np.floor(4 * point).astype(int)) for point in points}
    assert len(squares) == 16


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_search_that_goes_on_proposes_what_it_would_have_proposed(name: str) -> None:
    if name != "sobol":
        pytest.importorskip("optuna")
    propose = SAMPLERS[name].propose
    known = propose(2, [], [], 3)
    scores = [2.0, 0.0, 1.0]
    assert propose(2, known, scores, 2) == propose(2, list(known), list(scores), 2)
    if name == "sobol":
        assert [*known, *propose(2, known, scores, 2)] == propose(2, [], [], 5)


def test_tpe_proposes_near_what_was_good() -> None:
    pytest.importorskip("optuna")
    known = sobol(1, [], [], 31)
    scores = [abs(point[0] - 0.8) for point in known]
    found = np.array(SAMPLERS["tpe"].propose(1, known, scores, 16))
    assert abs(np.median(found) - 0.8) < 0.15
    assert abs(np.median(found) - 0.8) < np.median(np.abs(np.array(known) - 0.8))
