"""Clients that are hostile in a study: nothing is averaged over them, and they are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unalike.attacks import Attack, hostile_in
from unalike.data.federation import Federation
from unalike.specification import specification_of

from .units import listed

MOST_NAMED = 10
"""Names in a sentence; `truth.csv` has all."""


def without_hostile(
    records: list[dict[str, Any]], hostile: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """The records of a run with NaN for each value of a hostile training client [N]."""
    if not hostile.any():
        return records
    return [_honest(record, hostile) if "evaluation" in record else record for record in records]


def hostile_remarks(attack: Attack, federations: Sequence[Federation]) -> list[str]:
    """What must be said aloud of an attack; federations by seed."""
    named = []
    for seed, federation in enumerate(federations):
        at = np.flatnonzero(hostile_in(federation))
        names = [federation.names[i] for i in at]
        named.append(f"with seed {seed}, {listed(names, most=MOST_NAMED)}")
    return [
        f"attack = {specification_of(attack)!r}: hostile clients {attack.meaning}. Hostile are "
        f"{'; '.join(named)}. Their own values are left out, and averages are over the others."
    ]


def _honest(record: dict[str, Any], hostile: NDArray[np.bool_]) -> dict[str, Any]:
    evaluation = dict(record["evaluation"])
    evaluation["personal"] = {
        name: _masked(values, hostile) for name, values in evaluation["personal"].items()
    }
    if "stream" in evaluation:
        stream = evaluation["stream"]
        evaluation["stream"] = {
            **stream,
            "next": None if stream["next"] is None else _masked(stream["next"], hostile),
            "past": [_masked(values, hostile) for values in stream["past"]],
        }
    return {**record, "evaluation": evaluation}


def _masked(values: list[float], hostile: NDArray[np.bool_]) -> list[float]:
    return np.where(hostile, np.nan, np.asarray(values, dtype=np.float64)).tolist()
