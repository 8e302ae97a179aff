"""Whom attack and defence harm, on tables by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unalike.measures.robustness import robustness

NAN = float("nan")
PLAIN = np.array([0.8, 0.6, 0.9, 0.5, NAN])
NOBODY = np.zeros(5, dtype=bool)


def test_honest_clients_are_compared_with_themselves() -> None:
    """Of the first three, who are honest, two fall by the attack and one by the defence."""
    hostile = np.array([False, False, False, True, False])
    attacked = np.array([0.2, 0.7, 0.1, 0.0, 0.3])
    defended = np.array([0.8, 0.3, 1.0, 0.0, 0.3])
    both = np.array([0.7, 0.7, 0.8, 0.9, 0.3])
    found = robustness(PLAIN, attacked, defended, both, hostile)
    assert found.harmed_by_attack == pytest.approx(2 / 3)
    assert found.harmed_by_defence == pytest.approx(1 / 3)
    assert found.harmed_in_spite == pytest.approx(2 / 3)
    assert found.loss_by_attack == pytest.approx((0.6 - 0.1 + 0.8) / 3)
    assert found.loss_by_defence == pytest.approx((0 + 0.3 - 0.1) / 3)
    assert found.loss_in_spite == pytest.approx((0.1 - 0.1 + 0.1) / 3)


def test_where_less_is_better_more_is_harm() -> None:
    errors = np.array([0.9, 0.6, 1.2, 0.5, 0.1])
    found = robustness(PLAIN, errors, PLAIN, PLAIN, NOBODY, higher_is_better=False)
    assert found.harmed_by_attack == pytest.approx(2 / 4)
    assert found.loss_by_attack == pytest.approx((0.1 + 0 + 0.3 + 0) / 4)


def test_nothing_harms_nobody() -> None:
    assert robustness(PLAIN, PLAIN, PLAIN, PLAIN, NOBODY) == (0, 0, 0, 0, 0, 0)


def test_a_client_without_a_value_in_one_run_is_left_out_there_only() -> None:
    attacked = np.array([NAN, 0.1, 1.0, 1.0, 0.0])
    found = robustness(PLAIN, attacked, PLAIN, PLAIN, NOBODY)
    assert found.harmed_by_attack == pytest.approx(1 / 3)
    assert found.harmed_by_defence == 0


def test_where_all_are_hostile_there_is_nothing_to_say() -> None:
    assert all(map(math.isnan, robustness(PLAIN, PLAIN, PLAIN, PLAIN, ~NOBODY)))
