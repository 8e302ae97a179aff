"""What a client tells of its columns before anything is fitted: counts and ranges, no rows.

From these counts alone the kind of each column follows, in a simulation as over a network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from .cells import (
    EXACT,
    Parsed,
    Texts,
    has_unit,
    is_answer,
    is_code,
    is_mark,
    numbers,
    parsed,
    texts,
)
from .dates import DAY, ORDERS, UNITS, Instant, Order, Unit, finest, instant, typed_unit
from .table import Column

MOST_LEVELS = 100
"""A client tells the values of a column by name up to this many of them."""
EIGHT_DIGITS = (18_500_101, 21_501_231)
"""Whole numbers in there may be dates without separators."""
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

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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
    if column.values.dtype.kind in "iuf":
        many = _many_numbers(column)
        if many is not None:
            return many
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


def _many_numbers(column: Column) -> ColumnEvidence | None:
    """The evidence of a column of numbers by type, of which too many differ to be told by name.

    None where the column has to be looked at value by value.
    """
    import pandas as pd

    values, missing, _ = numbers(column)
    held = values[~missing]
    distinct = len(pd.unique(held))
    if distinct <= MOST_LEVELS or not np.isfinite(held).all():
        return None
    whole = held == np.floor(held)
    low, high = held.min().item(), held.max().item()
    beyond = held.dtype.kind == "f" and bool((np.abs(held) > EXACT).any())
    if beyond or (whole.all() and EIGHT_DIGITS[0] <= low and high <= EIGHT_DIGITS[1]):
        return None
    rising = not missing.any() and held.dtype.kind == "i" and bool((np.diff(held) > 0).all())
    return ColumnEvidence(
        name=column.name,
        rows=len(column),
        empty=int(np.count_nonzero(missing)),
        numbers=len(held),
        whole=int(np.count_nonzero(whole)),
        inexact=_inexact(held),
        low=low,
        high=high,
        answers=int(np.count_nonzero((held == 0) | (held == 1))),
        words=len(held),
        distinct=distinct,
        increasing=rising,
    )


def _inexact(held: npt.NDArray[Any]) -> int:
    """How many whole numbers a float64 would change."""
    if held.dtype.kind == "f":
        return 0
    far = held[np.abs(held) > EXACT]
    return sum(int(float(value)) != value for value in far.tolist())


def _counted(column: Column, cells: Texts, counts: npt.NDArray[np.int64]) -> dict[str, Any]:
    different = cells.different

    by_text = dict(zip(different, counts.tolist(), strict=True))

    def count_of(given: Sequence[str], fits: Callable[[str], bool]) -> int:
        return sum(by_text[text] for text in given if fits(text))

    typed = column.values.dtype.kind in "iuf"
    found = parsed(different)
    fits = found.fits
    others = [text for text, fit in zip(different, fits, strict=True) if not fit]
    endless = fits & np.isinf(found.values)
    far = [v is not None and abs(v) > EXACT and int(float(v)) != v for v in found.whole]
    counted: dict[str, Any] = {
        "marks": count_of(others, is_mark),
        "numbers": int(counts[fits].sum()),
        "whole": int(counts[[value is not None for value in found.whole]].sum()),
        "inexact": int(counts[far].sum()),
        "codes": 0 if typed else count_of(different, is_code),
        "units": count_of(others, has_unit),
        "infinite": int(counts[endless].sum()),
        "answers": count_of(different, is_answer),
        "dates": _dates(_maybe_dates(cells, found), counts),
        "words": sum(len(t.split()) * int(n) for t, n in zip(different, counts, strict=True)),
    }
    if counted["numbers"] and not counted["infinite"]:
        values, missing, _ = numbers(column)
        held = values[~missing]
        counted |= {"low": held.min().item(), "high": held.max().item()}
        rising = not missing.any() and held.dtype.kind == "i" and bool((np.diff(held) > 0).all())
        counted["increasing"] = rising
    odd = [text for text in others if len(text) <= SAMPLE and not is_mark(text)]
    if odd and 2 * counted["numbers"] >= int(counts.sum()):
        counted["example"] = min(odd)
    return counted


def _maybe_dates(cells: Texts, found: Parsed) -> dict[int, str]:
    """The texts that may be dates, by their place: those that are no numbers, or eight digits."""
    return {
        place: text
        for place, (text, fit, whole) in enumerate(
            zip(cells.different, found.fits, found.whole, strict=True)
        )
        if not fit or (whole is not None and EIGHT_DIGITS[0] <= whole <= EIGHT_DIGITS[1])
    }


def _dates(given: Mapping[int, str], counts: npt.NDArray[np.int64]) -> dict[Order, DateEvidence]:
    found: dict[Order, DateEvidence] = {}
    for order in ORDERS:
        moments = {place: instant(text, order) for place, text in given.items()}
        known = {place: moment for place, moment in moments.items() if moment is not None}
        if known:
            count = int(counts[list(known)].sum())
            found[order] = _spanning(list(known.values()), count, finest(list(known.values())))
    return found


def _typed_dates(column: Column) -> dict[Order, DateEvidence]:
    held = column.values[~np.isnat(column.values)]
    if not len(held):
        return {}
    unit = typed_unit(column.values)
    per = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    whole = np.unique(held.astype(f"datetime64[{unit}]").astype(np.int64))
    moments = [Instant(*divmod(int(v) * per, 10**9)) for v in whole]
    return {"ymd": _spanning(moments, len(held), finest(moments))}


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
