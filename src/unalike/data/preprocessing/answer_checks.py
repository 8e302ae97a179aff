"""Whether what a client tells holds what it was asked for, where the client is a stranger."""

from __future__ import annotations

import math
from collections.abc import Collection

from .array_fit import ArrayAnswer, ArrayQuery
from .array_preprocessing import feature_axis
from .column_plan import Kind
from .evidence import MOST_LEVELS, SAMPLE
from .ranks import BINS, Intervals
from .table_queries import TableAnswer, TableQuery, Totals


def check_table_answer(
    query: TableQuery, told: TableAnswer, columns: Collection[str], rows: int
) -> str | None:
    """Why an answer is not used: half a sentence; None where it is.

    columns: the names of all columns. rows: the samples that are asked about.
    """
    if query.stage == "columns":
        if sorted(one.name for one in told.columns) != sorted(columns):
            return "it has other columns than it said"
        for one in told.columns:
            if (
                one.rows != rows
                or one.empty > rows
                or max(one.numbers, one.answers, one.marks) > one.present
            ):
                return f"of column {one.name!r} it counts other cells than there are"
            if len(one.levels or ()) > MOST_LEVELS or len(one.example or "") > SAMPLE:
                return f"of column {one.name!r} it tells more values than it was asked for"
            if (one.low is None) != (one.high is None) or _reversed(one.low, one.high):
                return f"the range of column {one.name!r} is none"
        return None
    if query.stage == "totals":
        if set(told.totals) != {plan.name for plan in query.plan}:
            return "it tells of other columns than it was asked for"
        odd = [p.name for p in query.plan if not _possible(told.totals[p.name], p.kind, rows)]
        return f"the sums of column {odd[0]!r} are those of no numbers" if odd else None
    return _odd_histograms(query.intervals, told.histograms)


def check_array_answer(
    query: ArrayQuery, told: ArrayAnswer, shape: tuple[int, ...], rows: int
) -> str | None:
    """Why an answer is not used: half a sentence; None where it is.

    shape: of one sample. rows: the samples that are asked about.
    """
    if query.stage == "range":
        found = told.range
        if found is None:
            return "it counts other samples than there are" if rows else None
        features = shape[feature_axis(len(shape) + 1) - 1]
        if found.count * features != rows * math.prod(shape):
            return "it counts other samples than there are"
        if found.shape != shape or not len(found.low) == len(found.high) == features:
            return "its samples are of another shape than it said"
        pairs = zip(found.low, found.high, strict=True)
        return "its ranges are none" if any(_reversed(*pair) for pair in pairs) else None
    if query.stage == "totals":
        if not len(told.total) == len(told.squares) == len(query.grids):
            return "it tells of other features than it was asked for"
        pairs = zip(told.total, told.squares, strict=True)
        return "its sums are those of no numbers" if any(t < 0 or s < t for t, s in pairs) else None
    return _odd_histograms(query.intervals, told.histograms)


def _odd_histograms(asked: Intervals, told: dict[str, tuple[tuple[int, ...], ...]]) -> str | None:
    lengths = {name: [BINS] * len(intervals) for name, intervals in asked.items()}
    found = {name: [len(one) for one in histograms] for name, histograms in told.items()}
    return "it tells other histograms than it was asked for" if found != lengths else None


def _possible(one: Totals, kind: Kind, rows: int) -> bool:
    """Whether these may be the sums of a column of this kind with so many cells."""
    if one.count + one.missing != rows:
        return False
    if kind == "category":
        return sum(one.levels.values()) == one.count
    if kind == "yes/no":
        return 0 <= one.total <= one.count
    return 0 <= one.total <= one.squares and one.total**2 <= one.count * one.squares


def _reversed(low: float | None, high: float | None) -> bool:
    if low is None or high is None:
        return False
    return not (math.isfinite(low) and math.isfinite(high) and low <= high)
