"""Step sizes over rounds, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

from unalike.core.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    Inverse,
    Schedule,
    StepDecay,
)

ROUNDS = 12
HALF_ROOT = math.sqrt(0.5)
CASES: list[tuple[Schedule, dict[int, float]]] = [
    (Constant(), {2: 1, 12: 1}),
    (StepDecay(every=5, rate=0.3), {5: 1, 6: 0.3, 10: 0.3, 11: 0.09, 12: 0.09}),
    (Exponential(rate=0.9), {2: 0.9, 3: 0.81, 12: 0.31381059609}),
    (
        Cosine(floor=0.2),
        {4: 0.6 + 0.4 * HALF_ROOT, 5: 0.8, 7: 0.6, 9: 0.4, 10: 0.6 - 0.4 * HALF_ROOT},
    ),
    (Inverse(decay=2, power=0.5), {2: 1 / math.sqrt(3), 5: 1 / 3, 12: 1 / math.sqrt(23)}),
]


@pytest.mark.parametrize(("schedule", "known"), CASES, ids=[case[0].kind for case in CASES])
def test_factors(schedule: Schedule, known: dict[int, float]) -> None:
    assert schedule.factor(1, ROUNDS) == 1
    found = {t: schedule.factor(t, ROUNDS) for t in known}
    assert found == pytest.approx(known, rel=1e-12)


def test_one_over_t() -> None:
    assert [Inverse().factor(t, 4) for t in (1, 2, 3, 4)] == [1, 1 / 2, 1 / 3, 1 / 4]


def test_every_schedule_is_tried_here() -> None:
    assert {case[0].kind for case in CASES} == set(SCHEDULES)


def test_no_step_size_becomes_zero() -> None:
    assert StepDecay(every=1, rate=0.001).factor(500, 500) > 0
    assert Cosine().factor(99, 50) > 0
