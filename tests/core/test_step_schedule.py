"""Which clients take a step: by running sums for a whole epoch, and one step after the other."""

from __future__ import annotations

import numpy as np

from unalike.core.step_schedule import takers_of, takers_of_epoch


def test_an_epoch_at_once_is_its_steps_one_by_one() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        sizes = rng.integers(0, 30, rng.integers(1, 8))
        slots = int(rng.integers(1, 9))
        starts = np.arange(0, int(sizes.max()), slots)
        one_by_one = [takers_of(sizes, start, slots) for start in starts]
        assert takers_of_epoch(sizes, starts, slots) == one_by_one


def test_nobody_has_samples() -> None:
    assert takers_of_epoch(np.zeros(3, np.int64), np.arange(0), 4) == []
    assert takers_of_epoch(np.zeros(3, np.int64), np.zeros(1, np.int64), 4) == [(0, 0, 0)]
