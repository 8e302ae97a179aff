"""Which round speaks for a run: chosen on validation samples, never on test samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from unalike.tasks import Task


def better(task: Task, evaluation: dict[str, Any], best: dict[str, Any] | None) -> bool:
    """Whether this evaluation beats the best so far: by the main measure, then by the loss.

    Where nobody's validation samples are known, the later one; known ones beat unknown ones.
    """
    if best is None:
        return True
    so_far = task.choice(best["validation"])
    return math.isnan(so_far[0]) or task.choice(evaluation["validation"]) < so_far


def best_round(task: Task, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first of the evaluated rounds that none beats."""
    best = records[0]
    for record in records[1:]:
        if better(task, record["evaluation"], best["evaluation"]):
            best = record
    return best
