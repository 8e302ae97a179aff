"""Which round speaks for a run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from unalike.study.round_choice import best_round
from unalike.tasks.classes import Classes

UNKNOWN = (math.nan, math.nan)


def records(*validation: tuple[float, float]) -> list[dict[str, Any]]:
    """Rounds 1, 2, ... with this accuracy and loss on validation samples."""
    return [
        {"round": t, "evaluation": {"validation": {"accuracy": accuracy, "loss": loss}}}
        for t, (accuracy, loss) in enumerate(validation, 1)
    ]


@pytest.mark.parametrize(
    ("validation", "chosen"),
    [
        ([(0.5, 1.0), (0.7, 1.0), (0.6, 1.0)], 2),
        ([(0.7, 1.0), (0.7, 0.9), (0.7, 0.9)], 2),
        ([UNKNOWN, UNKNOWN, UNKNOWN], 3),
        ([UNKNOWN, (0.2, 1.0), UNKNOWN], 2),
        ([(0.7, 1.0), UNKNOWN, (0.6, 1.0)], 1),
    ],
)
def test_the_best_that_is_known(validation: list[tuple[float, float]], chosen: int) -> None:
    assert best_round(Classes.of(2), records(*validation))["round"] == chosen
