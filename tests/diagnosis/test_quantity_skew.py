"""Quantity skew: its numbers by hand, what chance gives, and it alone."""

import numpy as np
import pytest

from unalike.diagnosis.diagnose import findings
from unalike.diagnosis.quantity_skew import quantity_skew
from unalike.diagnosis.samples import prepare_samples
from unlike_worlds import MODERATE, world


def test_it_alone_is_found_alone() -> None:
    given = prepare_samples(*world(1, quantity=MODERATE["quantity"]))
    assert [f.kind for f in findings(given, shuffles=100) if f.found] == ["quantity"]


def sized(*sizes: int):
    n = sum(sizes)
    return prepare_samples(
        np.arange(n)[:, None], np.arange(n) % 2, np.repeat(np.arange(len(sizes)), sizes)
    )


def test_values() -> None:
    variation, lost = quantity_skew(sized(30, 10), shuffles=20, seed=0).measures
    assert variation.value == pytest.approx(0.5)
    assert lost.value == pytest.approx(2 - 1600 / 1000)
    assert quantity_skew(sized(5, 5, 5), shuffles=20, seed=0).measures[1].value == 0


def test_chance_is_multinomial() -> None:
    variation, lost = quantity_skew(sized(*[40] * 10), shuffles=400, seed=0).measures
    assert variation.chance == pytest.approx(np.sqrt(9 / 400), rel=0.05)
    assert lost.chance == pytest.approx(10 * 9 / 400 / (1 + 9 / 400), rel=0.08)
    assert variation.p == 1


def test_alarms_are_as_rare_as_promised() -> None:
    rng = np.random.default_rng(0)
    p = [
        quantity_skew(sized(*rng.multinomial(200, np.full(5, 0.2))), shuffles=39, seed=seed).p
        for seed in range(200)
    ]
    assert np.mean(np.array(p) <= 0.1) <= 0.1 + 3 * np.sqrt(0.09 / 200)
    assert 0.4 < np.mean(p) < 0.6
