"""Clients that do not tell how well models do on their samples, and what is said of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from .units import listed


def hidden_clients(records: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Those that did not tell their accuracy when asked, at least once, in the order of names."""
    found: set[str] = set()
    for record in records:
        evaluation = record.get("evaluation", {})
        found |= {*evaluation.get("hidden", ()), *evaluation.get("new", {}).get("hidden", ())}
    return tuple(sorted(found))


def hidden_remarks(
    hidden: tuple[str, ...], clients: int, means: Iterable[float], measure: str = "accuracy"
) -> list[str]:
    """What must be said aloud; means: over those that told, NaN where nobody did."""
    if not hidden:
        return []
    if all(math.isnan(mean) for mean in means):
        return [
            f"No client tells its {measure}: nothing is known of how well the models do, and the "
            "last round speaks for each run."
        ]
    keep = "keeps its" if len(hidden) == 1 else "keep their"
    return [
        f"{len(hidden)} of {clients} clients {keep} {measure} hidden ({listed(hidden)}): "
        "averages and the choice of a round are over the others."
    ]
