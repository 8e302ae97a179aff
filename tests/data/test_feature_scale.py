"""Unscaled features are said aloud, before anything is trained."""

import numpy as np
import pytest

from unalike import Federation
from unalike.data.dataset import Dataset
from unalike.data.feature_scale import scale_warning
from unalike.data.federation import federate
from unalike.data.reading import read

CLIENT = np.repeat(["a", "b", "c"], 20)
Y = np.arange(60) % 2


def samples(size: float) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 3)) * [1.0, size, 1.0]


@pytest.mark.parametrize(("size", "warned"), [(1.0, False), (25.0, False), (1e4, True)])
def test_one_large_feature_is_enough(size: float, warned: bool) -> None:
    said = scale_warning(Federation.from_arrays(samples(size), Y, client=CLIENT))
    assert (said is not None) == warned
    if said is not None:
        assert "in feature number 1" in said


def test_all_features_small() -> None:
    said = scale_warning(Federation.from_arrays(samples(1) * 1e-6, Y, client=CLIENT))
    assert "far from unit scale" in str(said)


def test_what_new_clients_and_tests_hold_is_not_looked_at() -> None:
    held = Federation.from_arrays(samples(1), Y, client=CLIENT, new_clients=0.34)
    held.x_test.fill_(1e9)
    new = int(np.flatnonzero(held.newcomers)[0])
    held.x[held.train.rows(new)] = 1e9
    assert scale_warning(held) is None


@pytest.mark.parametrize(("scale", "warned"), [("auto", False), ("none", True)])
def test_scaling_takes_the_warning_away(scale: str, warned: bool) -> None:
    held: Dataset = read((samples(1e4), Y, CLIENT), scale=scale)
    assert (scale_warning(federate(held.arrays(), split="natural")) is not None) == warned


def test_whole_numbers_have_no_scale() -> None:
    held = Federation.from_arrays(samples(1), Y, client=CLIENT)
    object.__setattr__(held, "x", (held.x * 1e6).long())
    assert scale_warning(held) is None
