"""Clients whose numbers lie far outside of all others': perhaps they are in another unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .cells import numbers
from .table import Rows, Table
from .table_preprocessing import TablePreprocessing

FEWEST = 3
"""A client with fewer numbers in a column is not looked at."""
SHOWN = 3

Floats = npt.NDArray[np.float64]


class _Group(NamedTuple):
    names: list[str]
    low: float
    high: float

    def __str__(self) -> str:
        return f"from {self.low:g} to {self.high:g}"


def client_range_sentences(
    fitted: TablePreprocessing, table: Table, rows: Sequence[Rows], names: Sequence[str]
) -> list[str]:
    """One for each column of numbers that has a gap between some clients and most others.

    The gap is wider than the range of most clients, as it is or, of positive numbers, on a
    logarithmic scale, on which another unit is a shift.

    rows: of each client, N of them. names: of these.
    """
    said = []
    for plan in fitted.plan:
        if not plan.kept or plan.kind != "number" or plan.names_clients:
            continue
        found = numbers(table.column(plan.name))
        held = [found.values[own][~found.missing[own]] for own in rows]
        known = [i for i, values in enumerate(held) if len(values) >= FEWEST]
        lows = np.array([held[i].min() for i in known], np.float64)
        highs = np.array([held[i].max() for i in known], np.float64)
        groups = _groups(lows, highs, [names[i] for i in known])
        if groups is None:
            continue
        few, most = sorted(groups, key=lambda group: len(group.names))
        more = f" and {len(few.names) - SHOWN} more" if len(few.names) > SHOWN else ""
        said.append(
            f"Column {plan.name!r} runs {few} at {', '.join(map(repr, few.names[:SHOWN]))}{more}, "
            f"but {most} at all other clients: check its unit."
        )
    return said


def _groups(lows: Floats, highs: Floats, names: Sequence[str]) -> tuple[_Group, _Group] | None:
    """The clients below and above a gap; None where there is none."""
    order: npt.NDArray[Any] = np.argsort(lows, kind="stable")
    reached = np.maximum.accumulate(highs[order])
    for place in range(1, len(order)):
        if reached[place - 1] >= lows[order[place]]:
            continue
        below, above = (
            _Group([names[i] for i in part], float(lows[part].min()), float(highs[part].max()))
            for part in (order[:place], order[place:])
        )
        if _parted(below, above):
            return below, above
    return None


def _parted(below: _Group, above: _Group) -> bool:
    most = [g for g in (below, above) if 2 * len(g.names) >= len(below.names) + len(above.names)]
    if all(above.low - below.high > group.high - group.low for group in most):
        return True
    if below.low <= 0:
        return False
    return all(above.low / below.high > group.high / group.low for group in most)
