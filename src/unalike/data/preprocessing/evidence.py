"""What a client tells of its columns before anything is fitted: counts and ranges, no rows.

From these counts alone the kind of each column follows, in a simulation as over a network.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from .cells import (
    EXACT,
    NO,
    YES,
    Texts,
    as_whole,
    has_unit,
    is_code,
    is_mark,
    is_number,
    numbers,
    texts,
)
from .dates import DAY, ORDERS, UNITS, Instant, Order, Unit, finest, instant, typed_unit
from .table import Column

MOST_LEVELS = 100
"""A client tells the values of a column by name up to this many of them."""
SAMPLE = 40
"""A longer text is no value that an error should quote."""


class DateEvidence(BaseModel):
    """The cells of a column that are dates with day, month and year in one order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: NonNegativeInt
    first: int  # nanoseconds since 1970
    last: int
    unit: Unit  # the coarsest that loses nothing
    days: bool  # none has a time of day


class ColumnEvidence(BaseModel):
    """Counts over the training samples of one client, or of several together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rows: NonNegativeInt
    empty: NonNegativeInt  # cells that hold nothing
    marks: NonNegativeInt = 0  # "NA", "?" and the like
    numbers: NonNegativeInt = 0
    whole: NonNegativeInt = 0  # of these
    inexact: NonNegativeInt = 0  # whole numbers that a float64 would change
    codes: NonNegativeInt = 0  # digits with leading zeros
    units: NonNegativeInt = 0  # numbers with something beside them, such as "5 mg" or "<3"
    infinite: NonNegativeInt = 0
    low: int | float | None = None
    high: int | float | None = None
    answers: NonNegativeInt = 0  # yes, no, true, false, 1, 0
    dates: dict[Order, DateEvidence] = {}
    words: NonNegativeInt = 0
    distinct: NonNegativeInt = 0  # the sum over clients, where they are several
    levels: dict[str, int] | None = None  # each value with its count; None where they are many
    constant: bool = False  # within each client
    increasing: bool = False  # whole numbers, each larger than the one before, at every client
    example: str | None = None  # a short cell that is no number, where most cells are

    @property
    def present(self) -> int:
        """Cells that hold something."""
        return self.rows - self.empty

    @property
    def filled(self) -> int:
        """Cells that hold more than a mark for a missing value."""
        return self.present - self.marks

    @property
    def least_distinct(self) -> int:
        """How many different values there are: exactly where all are told, or at least."""
        return self.distinct if self.levels is None else len(self.levels)


def evidence_of(column: Column) -> ColumnEvidence:
    """The evidence of one column, its rows in the order of their source."""
    cells = texts(column)
    counts = cells.counts
    told = None
    if len(cells.different) <= MOST_LEVELS:
        told = {text: int(n) for text, n in zip(cells.different, counts, strict=True)}
    empty = int(np.count_nonzero(cells.codes < 0))
    found: dict[str, Any] = {
        "name": column.name,
        "rows": len(column),
        "empty": empty,
        "distinct": len(cells.different),
        "levels": told,
        "constant": len(cells.different) <= 1 and not empty,
    }
    if column.values.dtype.kind == "M":
        found["dates"] = _typed_dates(column)
    else:
        found |= _counted(column, cells, counts)
    return ColumnEvidence(**found)


def _counted(column: Column, cells: Texts, counts: npt.NDArray[np.int64]) -> dict[str, Any]:
    different = cells.different

    def count(fits: Sequence[bool]) -> int:
        return int(counts[np.array(fits, np.bool_)].sum()) if different else 0

    typed = column.values.dtype.kind in "iuf"
    are_numbers = [typed or is_number(text) for text in different]
    infinite = [
        number and not math.isfinite(float(text))
        for number, text in zip(are_numbers, different, strict=True)
    ]
    whole = [
        as_whole(text) if number and not endless else None
        for number, endless, text in zip(are_numbers, infinite, different, strict=True)
    ]
    found: dict[str, Any] = {
        "marks": 0 if typed else count([is_mark(text) for text in different]),
        "numbers": count(are_numbers),
        "whole": count([value is not None for value in whole]),
        "inexact": count([v is not None and abs(v) > EXACT and int(float(v)) != v for v in whole]),
        "codes": 0 if typed else count([is_code(text) for text in different]),
        "units": count([has_unit(text) for text in different]),
        "infinite": count(infinite),
        "answers": count([text.strip().lower() in YES | NO for text in different]),
        "dates": _dates(cells, counts) if all(v is not None for v in whole) or not typed else {},
        "words": sum(len(text.split()) * int(n) for text, n in zip(different, counts, strict=True)),
    }
    if found["numbers"] and not found["infinite"]:
        values, missing, _ = numbers(column)
        held = values[~missing]
        found |= {"low": held.min().item(), "high": held.max().item()}
        rising = not missing.any() and held.dtype.kind == "i" and bool((np.diff(held) > 0).all())
        found["increasing"] = rising
    odd = [
        text
        for text, number in zip(different, are_numbers, strict=True)
        if not number and not is_mark(text) and len(text) <= SAMPLE
    ]
    if odd and 2 * count(are_numbers) >= int(counts.sum()):
        found["example"] = min(odd)
    return found


def _dates(cells: Texts, counts: npt.NDArray[np.int64]) -> dict[Order, DateEvidence]:
    found: dict[Order, DateEvidence] = {}
    for order in ORDERS:
        moments = [instant(text, order) for text in cells.different]
        count = sum(int(n) for n, m in zip(counts, moments, strict=True) if m is not None)
        known = [m for m in moments if m is not None]
        if known:
            found[order] = _spanning(known, count, finest(known))
    return found


def _typed_dates(column: Column) -> dict[Order, DateEvidence]:
    held = column.values[~np.isnat(column.values)]
    if not len(held):
        return {}
    unit = typed_unit(column.values)
    per = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    whole = np.unique(held.astype(f"datetime64[{unit}]").astype(np.int64))
    moments = [Instant(*divmod(int(v) * per, 10**9)) for v in whole]
    return {"ymd": _spanning(moments, len(held), unit)}


def _spanning(moments: Sequence[Instant], count: int, unit: Unit) -> DateEvidence:
    first, last = min(moments).to("ns"), max(moments).to("ns")
    days = all(moment.nanosecond == 0 and moment.second % DAY == 0 for moment in moments)
    return DateEvidence(count=count, first=first, last=last, unit=unit, days=days)


def merged(parts: Sequence[ColumnEvidence]) -> ColumnEvidence:
    """The evidence of one column at several clients; their order does not matter."""
    held = [part for part in parts if part.rows] or [*parts[:1]]
    lows = [part.low for part in held if part.low is not None]
    highs = [part.high for part in held if part.high is not None]
    sums = (
        "rows",
        "empty",
        "marks",
        "numbers",
        "whole",
        "inexact",
        "codes",
        "units",
        "infinite",
        "answers",
        "words",
        "distinct",
    )
    return ColumnEvidence(
        name=held[0].name,
        **{field: sum(getattr(part, field) for part in held) for field in sums},
        low=min(lows, default=None),
        high=max(highs, default=None),
        dates=_merged_dates(held),
        levels=_merged_levels(held),
        constant=all(part.constant for part in held),
        increasing=all(part.increasing for part in held),
        example=min((part.example for part in held if part.example), default=None),
    )


def _merged_levels(parts: Sequence[ColumnEvidence]) -> dict[str, int] | None:
    total: Counter[str] = Counter()
    for part in parts:
        if part.levels is None:
            return None
        total.update(part.levels)
    return dict(sorted(total.items()))


def _merged_dates(parts: Sequence[ColumnEvidence]) -> dict[Order, DateEvidence]:
    together: dict[Order, DateEvidence] = {}
    for order in ORDERS:
        found = [part.dates[order] for part in parts if order in part.dates]
        if found:
            together[order] = DateEvidence(
                count=sum(dates.count for dates in found),
                first=min(dates.first for dates in found),
                last=max(dates.last for dates in found),
                unit=max((dates.unit for dates in found), key=UNITS.index),
                days=all(dates.days for dates in found),
            )
    return together
