"""How many samples of a client train, validate and test."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unalike.data.cut import cut, cut_draws
from unalike.errors import InputError


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 500), min_size=1, max_size=30),
    validation=st.floats(0, 0.3),
    test=st.floats(0, 0.69),
)
def test_training_comes_first_and_three_samples_are_enough_for_all(sizes, validation, test):
    sizes = np.array(sizes)
    trains, validations, tests = cut(sizes, validation=validation, test=test)
    np.testing.assert_array_equal(trains + validations + tests, sizes)
    assert (trains >= 1).all()
    assert (validations >= 0).all()
    assert (tests >= 0).all()
    assert (validation == 0) == (validations == 0).all() or (sizes < 3).any()
    large = sizes >= 3
    assert (validations[large] >= (validation > 0)).all()
    assert (tests[large] >= (test > 0)).all()


def test_the_rounding_rule():
    trains, validations, tests = cut(np.array([1, 2, 3, 10, 25, 100]), validation=0.1, test=0.2)
    assert tests.tolist() == [0, 1, 1, 2, 5, 20]
    assert validations.tolist() == [0, 0, 1, 1, 3, 10]
    assert trains.tolist() == [1, 1, 1, 7, 17, 70]


def test_an_empty_client_stays_empty():
    assert [part.tolist() for part in cut(np.array([0]), validation=0.1, test=0.2)] == [[0]] * 3


@pytest.mark.parametrize(
    ("validation", "test", "sentence"),
    [
        (-0.1, 0.2, "validation must be from 0 to below 1, not -0.1"),
        (0.1, 1.0, "test must be from 0 to below 1, not 1.0"),
        (0.5, 0.5, "leave nothing for training"),
        (float("nan"), 0.2, "not nan"),
    ],
)
def test_impossible_shares(validation, test, sentence):
    with pytest.raises(InputError, match=sentence):
        cut(np.array([10]), validation=validation, test=test)


def test_whoever_holds_one_client_draws_what_it_has_among_all() -> None:
    together = cut_draws(3, 1000)
    for start in (0, 1, 2, 3, 4, 7, 8, 401, 997):
        np.testing.assert_array_equal(cut_draws(3, 3, start=start), together[start : start + 3])
    assert len(cut_draws(3, 2, start=10**18)) == 2
