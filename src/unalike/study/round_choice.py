"""Which round speaks for a run: chosen on validation samples, never on test samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from unalike.measures.metrics import MAIN, METRICS

CHOOSING = (MAIN, METRICS["loss"])
"""The first decides, the next between equals."""


def rank(evaluation: dict[str, Any]) -> tuple[float, ...]:
    """Smaller is better: higher validation accuracy, then lower validation loss."""
    validation = evaluation["validation"]
    return tuple(
        -validation[metric.name] if metric.better == "high" else validation[metric.name]
        for metric in CHOOSING
    )


def better(evaluation: dict[str, Any], best: dict[str, Any] | None) -> bool:
    """Whether this evaluation beats the best so far.

    Where nobody's validation samples are known, the later one; known ones beat unknown ones.
    """
    if best is None or math.isnan(best["validation"][MAIN.name]):
        return True
    return rank(evaluation) < rank(best)


def best_round(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first of the evaluated rounds that none beats."""
    best = records[0]
    for record in records[1:]:
        if better(record["evaluation"], best["evaluation"]):
            best = record
    return best
