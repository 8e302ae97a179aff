"""Label skew: its numbers by hand, its alarms, and it alone."""

import numpy as np
import pytest

from unalike.diagnosis.diagnose import findings
from unalike.diagnosis.label_skew import label_skew
from unalike.diagnosis.samples import prepare_samples
from unalike.measures.distances import hellinger, jensen_shannon, total_variation
from unlike_worlds import MODERATE, world


def test_it_alone_is_found_alone() -> None:
    given = prepare_samples(*world(1, label=MODERATE["label"]))
    assert [f.kind for f in findings(given, shuffles=100) if f.found] == ["label"]


def test_values_are_the_mean_distances_from_everybody() -> None:
    y, client = np.array([0, 0, 0, 1, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 1, 1, 1])
    measured = label_skew(prepare_samples(np.zeros((8, 1)), y, client), shuffles=20, seed=0)
    everybody, own = np.array([3, 5]) / 8, np.array([[1, 0], [1 / 6, 5 / 6]])
    distances = (total_variation, jensen_shannon, hellinger)
    for measure, distance in zip(measured.measures, distances, strict=True):
        first, second = distance(own, everybody)
        assert measure.value == pytest.approx((2 * first + 6 * second) / 8)


def test_label_alarms_are_as_rare_as_promised() -> None:
    p = [
        label_skew(prepare_samples(*world(seed, samples=200, clients=5)), shuffles=39, seed=seed).p
        for seed in range(120)
    ]
    assert np.mean(np.array(p) <= 0.1) <= 0.1 + 3 * np.sqrt(0.09 / 120)
    assert 0.35 < np.mean(p) < 0.65


def test_names_and_order_of_samples_do_not_matter_for_the_values() -> None:
    given = world(6, samples=200, clients=4, label=0.5)
    order = np.random.default_rng(0).permutation(200)
    first = label_skew(prepare_samples(*given), shuffles=20, seed=0)
    second = label_skew(prepare_samples(*[part[order] for part in given]), shuffles=20, seed=0)
    assert [m.value for m in first.measures] == pytest.approx([m.value for m in second.measures])
