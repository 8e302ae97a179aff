"""Temporal skew: its numbers by hand, windows, no alarm where clients stay as they are."""

import numpy as np
import pytest

from unalike.diagnosis.diagnose import findings
from unalike.diagnosis.samples import prepare_samples
from unalike.diagnosis.temporal_skew import temporal_skew
from unalike.measures.distances import total_variation
from unlike_worlds import MODERATE, world


def test_it_alone_is_found_alone() -> None:
    given = prepare_samples(*world(1, temporal=MODERATE["temporal"]))
    assert [f.kind for f in findings(given, shuffles=100) if f.found] == ["temporal"]


@pytest.mark.parametrize("skews", [{"label": 0.3}, {"feature": 0.75}, {"concept": 1}])
def test_clients_that_differ_but_stay_as_they_are(skews: dict[str, float]) -> None:
    p = [
        temporal_skew(
            prepare_samples(*world(seed, samples=300, clients=4, **skews)), shuffles=19, seed=seed
        ).p
        for seed in range(12)
    ]
    assert np.mean(p) > 0.25
    assert sum(value <= 0.05 for value in p) <= 3


def test_values_compare_windows_with_their_own_client() -> None:
    client, time = np.repeat([0, 1], 8), np.tile([0, 0, 0, 0, 1, 1, 1, 1], 2)
    y = np.array([0] * 8 + [0, 0, 0, 1, 1, 1, 1, 1])
    found = temporal_skew(
        prepare_samples(np.arange(16)[:, None], y, client, time), shuffles=20, seed=0
    )
    own = np.array([3, 5]) / 8
    far = total_variation(np.array([[3 / 4, 1 / 4], [0, 1]]), own)
    assert found.measures[1].value == pytest.approx(4 * far.sum() / 16)


def test_chance_keeps_which_windows_a_client_has() -> None:
    rng, client = np.random.default_rng(0), np.repeat([0, 1], 20)
    given = prepare_samples(rng.normal(size=(40, 2)), np.arange(40) % 2, client, client)
    for measure in temporal_skew(given, shuffles=20, seed=0).measures:
        assert measure.high == pytest.approx(0, abs=1e-12)
        assert measure.p == 1


def test_windows_hold_equal_numbers_of_samples_in_the_order_of_time() -> None:
    time = np.random.default_rng(0).permutation(100) ** 2
    given = prepare_samples(np.arange(100)[:, None], np.arange(100) % 2, np.arange(100) % 3, time)
    assert np.bincount(given.window).tolist() == [25] * 4
    window = given.window[np.argsort(given.x[:, 0])]
    assert (np.diff(window[np.argsort(time)]) >= 0).all()
    dates = np.array(["2021-05-01", "2020-01-01", "2021-05-01"], "datetime64[D]")
    few = prepare_samples(np.arange(3)[:, None], np.arange(3) % 2, np.arange(3) % 2, dates)
    assert few.window[np.argsort(few.x[:, 0])].tolist() == [1, 0, 1]
