"""Dates in a column: how they are written, and as whole numbers of a unit of time since 1970.

    ymd      2024-03-31, 2024/3/31, 20240331, with or without a time of day and an offset from UTC
    dmy      31.3.2024, 31/03/2024, 31-03-2024
    mdy      03/31/2024, 03-31-2024
    epoch    whole numbers of seconds, milliseconds, microseconds or nanoseconds since 1970

A time without an offset is taken as UTC.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from .cells import Numbers, is_mark, numbers, texts
from .table import Column

Unit = Literal["s", "ms", "us", "ns"]
Order = Literal["ymd", "dmy", "mdy", "epoch"]
ORDERS: tuple[Order, ...] = ("ymd", "dmy", "mdy")
PER_SECOND: dict[Unit, int] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
UNITS: tuple[Unit, ...] = ("s", "ms", "us", "ns")
DAY = 86_400
PLAIN = ("1850", "2150")
"""The years in which eight digits without a separator count as a date."""
EPOCHS = (10**9, 2 * 10**9)
"""Seconds since 1970 of the years 2001 to 2033: whole numbers in there may be dates."""

_TIME = (
    r"(?:[T ]\s*(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"\s*(?P<z>Z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_FIRST = re.compile(r"(?P<y>\d{4})(?P<p>[-/.]?)(?P<a>\d{1,2})(?P=p)(?P<b>\d{1,2})" + _TIME)
_LAST = re.compile(r"(?P<a>\d{1,2})(?P<p>[-/.])(?P<b>\d{1,2})(?P=p)(?P<y>\d{4})" + _TIME)
_START = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Instant(NamedTuple):
    """A point in time, exactly."""

    second: int  # since 1970, UTC
    nanosecond: int

    def to(self, unit: Unit) -> int:
        """As a whole number of this unit."""
        per = PER_SECOND[unit]
        return self.second * per + self.nanosecond * per // 10**9


def instant(text: str, order: Order) -> Instant | None:
    """The point in time that a text names, its day, month and year in this order; or None."""
    found = (_FIRST if order == "ymd" else _LAST).fullmatch(text.strip())
    if found is None or (found["p"] == "." and order == "mdy"):
        return None
    if found["p"] == "" and (
        len(found["a"] + found["b"]) < 4 or not PLAIN[0] <= found["y"] <= PLAIN[1]
    ):
        return None
    month, day = (found["b"], found["a"]) if order == "dmy" else (found["a"], found["b"])
    try:
        moment = datetime(
            int(found["y"]),
            int(month),
            int(day),
            int(found["H"] or 0),
            int(found["M"] or 0),
            int(found["S"] or 0),
            tzinfo=_zone(found["z"]),
        )
    except ValueError:
        return None
    since = moment - _START
    return Instant(since.days * DAY + since.seconds, int((found["f"] or "0").ljust(9, "0")))


def _zone(offset: str | None) -> timezone:
    if offset is None or offset in ("Z", "UTC"):
        return timezone.utc
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    ahead = timedelta(hours=hours, minutes=minutes)
    return timezone(-ahead if offset[0] == "-" else ahead)


def finest(moments: list[Instant]) -> Unit:
    """The coarsest unit that loses nothing of these."""
    for unit in UNITS:
        if all(moment.nanosecond % (10**9 // PER_SECOND[unit]) == 0 for moment in moments):
            return unit
    return "ns"


def epoch_unit(low: int, high: int) -> Unit | None:
    """The unit in which whole numbers from low to high are points in time of this age."""
    for unit in UNITS:
        if EPOCHS[0] * PER_SECOND[unit] <= low and high <= EPOCHS[1] * PER_SECOND[unit]:
            return unit
    return None


def typed_unit(values: npt.NDArray[Any]) -> Unit:
    """The unit of a datetime64 array; days and longer count as seconds."""
    unit = np.datetime_data(values.dtype)[0]
    return unit if unit in UNITS else "s"


def since_1970(column: Column, order: Order, unit: Unit) -> Numbers:
    """The dates of a column as whole numbers of a unit: values [n] int64.

    Raises:
        OverflowError: a date does not fit into 64 bits of this unit.
    """
    if column.values.dtype.kind == "M":
        missing = np.isnat(column.values)
        own = column.values.astype(f"datetime64[{typed_unit(column.values)}]")
        return _converted(own.astype(np.int64), missing, typed_unit(column.values), unit)
    if order == "epoch":
        return numbers(column)
    cells = texts(column)
    moments = [instant(text, order) for text in cells.different]
    values = np.array([0 if m is None else m.to(unit) for m in moments] + [0], np.int64)
    known = np.array([m is not None for m in moments] + [False])
    marks = np.array([is_mark(text) for text in cells.different] + [False])
    empty = cells.codes < 0
    missing = empty | ~known[cells.codes]
    return Numbers(
        np.where(missing, 0, values[cells.codes]), missing, missing & ~empty & ~marks[cells.codes]
    )


def _converted(
    values: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_], own: Unit, unit: Unit
) -> Numbers:
    held = np.where(missing, 0, values)
    up, down = PER_SECOND[unit] // PER_SECOND[own], PER_SECOND[own] // PER_SECOND[unit]
    if up > 1 and held.size and int(np.abs(held).max()) * up > np.iinfo(np.int64).max:
        raise OverflowError
    converted = held * up if up else held // down
    return Numbers(np.where(missing, 0, converted), missing, np.zeros(len(values), np.bool_))


def span(low: float, high: float, unit: Unit) -> tuple[str, str]:
    """The first and the last of numbers of a unit since 1970: as days, or within one as moments."""
    first, last = _day(low, unit), _day(high, unit)
    if first != last or low == high:
        return first, last
    return str(np.datetime64(int(low), unit)), str(np.datetime64(int(high), unit))


def _day(value: float, unit: Unit) -> str:
    return (date(1970, 1, 1) + timedelta(days=int(value // PER_SECOND[unit] // DAY))).isoformat()
