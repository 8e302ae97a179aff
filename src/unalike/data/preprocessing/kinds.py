"""The kind of a column, by rule, from what the clients tell of it; each with its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from unalike.errors import InputError, unknown

from .dates import PER_SECOND, Order, Unit, epoch_unit
from .evidence import ColumnEvidence

Kind = Literal["number", "category", "yes/no", "date", "text", "identifier"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ALIASES: dict[str, tuple[Kind, Order | None]] = {
    **{kind: (kind, None) for kind in KINDS},
    "yes-no": ("yes/no", None),
    "date-ymd": ("date", "ymd"),
    "date-dmy": ("date", "dmy"),
    "date-mdy": ("date", "mdy"),
}

MOSTLY = 0.9
"""From this share of different values on, a column tells samples apart rather than describes."""
FEW = 10
"""With fewer filled cells, different values alone are no sign of an identifier."""
SENTENCE = 4
"""Texts of this many words on average are free text."""
_ID_NAME = re.compile(
    r"(?:^|[\s_.-])(?:id|ids|uuid|guid|key|index|idx|mrn|barcode|rowid|row|nr|no|serial|unnamed.*)$"
    r"|^unnamed|^__index|(?<=[a-z])(?:ID|Id|Key|Index)$",
)
_TIME_NAME = re.compile(
    r"time|date|stamp|epoch|year|month|week|day|hour|minute|age|visit|cycle|step|^t$|taken|created"
    r"|_at$|since"
)


class ColumnPlan(BaseModel):
    """What becomes of one column, and what all clients together told of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    reason: str
    kept: bool = True
    rows: NonNegativeInt = 0
    missing: NonNegativeInt = 0
    odd: NonNegativeInt = 0  # cells that count as missing because somebody chose the kind
    low: int | float = 0  # of numbers, and of dates in their unit
    high: int | float = 0
    whole: bool = False
    order: Order | None = None  # of dates
    unit: Unit | None = None
    days: bool = False  # dates without a time of day
    chosen: bool = False  # by the user, not by rule


def plan_columns(
    evidence: Sequence[ColumnEvidence], kinds: Mapping[str, str], drop: Sequence[str] = ()
) -> tuple[ColumnPlan, ...]:
    """The plan of every column, from what the clients together told.

    Raises:
        InputError: a column that can be read in two ways, or a kind that it cannot be.
    """
    names = [column.name for column in evidence]
    for name in (*kinds, *drop):
        if name not in names:
            raise unknown("column", name, names)
    plans = []
    for column in evidence:
        if column.name in drop:
            plans.append(_left_out(column, "identifier", "you said so", chosen=True))
        elif column.name in kinds:
            plans.append(_chosen(column, kinds[column.name]))
        else:
            plans.append(_by_rule(column))
    if not any(plan.kept for plan in plans):
        said = "; ".join(f"{plan.name!r}: {plan.reason}" for plan in plans)
        raise InputError(f"No column is left to learn from ({said}).")
    return tuple(plans)


def _by_rule(column: ColumnEvidence) -> ColumnPlan:
    if not column.filled:
        return _left_out(column, "category", "it holds nothing")
    if column.levels is not None and len(column.levels) == 1 and not column.empty:
        only = next(iter(column.levels))
        return _left_out(column, "category", f"every training sample holds {only!r}")
    if column.answers == column.filled:
        return _plan(column, "yes/no", "only yes and no, true and false, or 1 and 0")
    date = _date_by_rule(column)
    if date is not None:
        return date
    if column.numbers == column.filled and not column.codes:
        return _number_by_rule(column)
    if column.codes and column.whole == column.present:
        return _text_by_rule(column, "numbers with leading zeros are names")
    _refuse_half_numbers(column)
    return _text_by_rule(column, "")


def _date_by_rule(column: ColumnEvidence) -> ColumnPlan | None:
    full = [order for order, dates in column.dates.items() if dates.count == column.filled]
    if not full:
        return None
    if "ymd" in full:
        return _dated(column, "ymd", "year, month and day")
    if len(full) > 1:
        raise InputError(
            f"The dates in column {column.name!r} can be read in two ways, since no day is above "
            f"12: say {column.name}=date-dmy if the day comes first, or {column.name}=date-mdy if "
            "the month does."
        )
    first = "day" if full[0] == "dmy" else "month"
    return _dated(column, full[0], f"dates whose {first} comes first")


def _number_by_rule(column: ColumnEvidence) -> ColumnPlan:
    if column.infinite:
        raise InputError(
            f"Column {column.name!r} holds infinite or too large numbers in {column.infinite} of "
            f"{column.rows} training samples: mend them, empty them, or drop the column."
        )
    whole = column.whole == column.numbers
    identifies = bool(_ID_NAME.search(column.name)) or bool(_ID_NAME.search(column.name.lower()))
    if whole and identifies and _mostly_different(column, 1):
        return _left_out(
            column, "identifier", "its name and its many different numbers tell samples apart"
        )
    timed = bool(_TIME_NAME.search(column.name.lower()))
    if whole and column.low is not None and column.high is not None:
        unit = epoch_unit(int(column.low), int(column.high))
        if unit is not None and (unit != "s" or timed):
            return _epoch(column, unit)
        if column.increasing and not timed and _counts_rows(column):
            return _left_out(column, "identifier", "it counts the rows, as a saved row index does")
    if column.inexact and not _fits(column):
        raise InputError(
            f"Column {column.name!r} holds whole numbers beyond 2^53 with {column.inexact} that "
            f"would lose digits as numbers: say {column.name}=category if they are names, or drop "
            "it."
        )
    return _plan(column, "number", "whole numbers" if whole else "numbers")


def _fits(column: ColumnEvidence) -> bool:
    """Whether all numbers are whole numbers of 64 bits, so that their differences are exact."""
    return isinstance(column.low, int) and isinstance(column.high, int)


def _counts_rows(column: ColumnEvidence) -> bool:
    """Whether rising whole numbers start near 0 and leave few out, at ten samples or more."""
    low, high = int(column.low or 0), int(column.high or 0)
    return column.rows >= FEW and 0 <= low <= column.rows and high - low < 3 * column.rows


def _text_by_rule(column: ColumnEvidence, why: str) -> ColumnPlan:
    words = column.words / column.present
    if words >= SENTENCE and column.least_distinct > FEW:
        return _plan(column, "text", f"{words:.0f} words a cell on average")
    identifies = bool(_ID_NAME.search(column.name)) or bool(_ID_NAME.search(column.name.lower()))
    if _mostly_different(column, 2 if identifies else FEW):
        return _left_out(
            column,
            "identifier",
            f"{why}, nearly all different"
            if why
            else "texts that are nearly all different tell samples apart",
        )
    if column.levels is None:
        return _plan(column, "category", why or "texts that come back, many different ones")
    return _plan(column, "category", why or f"{len(column.levels)} different texts")


def _mostly_different(column: ColumnEvidence, at_least: int) -> bool:
    return column.present >= at_least and column.least_distinct >= MOSTLY * column.present


def _refuse_half_numbers(column: ColumnEvidence) -> None:
    """Columns that are nearly numbers: neither reading is taken in silence."""
    others = column.filled - column.numbers
    if column.units and column.units + column.numbers == column.filled:
        with_what = f", such as {column.example!r}" if column.example else ""
        raise InputError(
            f"Column {column.name!r} holds numbers with something beside them{with_what} "
            f"(a unit, a currency, a bound) in {column.units} training samples: leave the number "
            f"alone there, or say {column.name}=category, or drop it."
        )
    if 2 * column.numbers >= column.filled and others:
        shown = f" such as {column.example!r}" if column.example else ""
        raise InputError(
            f"Column {column.name!r} holds numbers in {column.numbers} training samples and "
            f"something else{shown} in {others}: say {column.name}=number to count those as "
            f"missing, or {column.name}=category."
        )


def _chosen(column: ColumnEvidence, wish: str) -> ColumnPlan:
    if wish not in ALIASES:
        raise unknown(f"kind of column {column.name!r}", wish, ALIASES)
    kind, order = ALIASES[wish]
    reason = "you said so"
    if kind == "identifier":
        return _left_out(column, kind, reason, chosen=True)
    if not column.present:
        raise InputError(f"Column {column.name!r} cannot be {wish}: it holds nothing.")
    if kind == "date":
        return _chosen_date(column, order)
    if kind == "number" and (column.low is None or column.infinite):
        what = "infinite numbers" if column.infinite else "no number"
        raise InputError(f"Column {column.name!r} cannot be a number: it holds {what}.")
    if kind == "yes/no" and not column.answers:
        raise InputError(
            f"Column {column.name!r} cannot be yes/no: it holds no yes, no, true, false, 1 or 0; "
            f"say {column.name}=category."
        )
    return _plan(column, kind, reason, chosen=True)


def _chosen_date(column: ColumnEvidence, order: Order | None) -> ColumnPlan:
    if order is None:
        by_rule = _date_by_rule(column)
        if by_rule is not None:
            return by_rule.model_copy(update={"reason": "you said so", "chosen": True})
        if column.low is not None and column.whole == column.filled and column.high is not None:
            unit = epoch_unit(int(column.low), int(column.high))
            if unit is not None:
                return _epoch(column, unit, chosen=True)
        by_count = sorted(column.dates, key=lambda name: column.dates[name].count)
        order = by_count[-1] if by_count else None
    if order is None or order not in column.dates:
        raise InputError(f"Column {column.name!r} cannot be a date: it holds none that is known.")
    return _dated(column, order, "you said so", chosen=True)


def _left_out(
    column: ColumnEvidence, kind: Kind, reason: str, *, chosen: bool = False
) -> ColumnPlan:
    return ColumnPlan(
        name=column.name,
        kind=kind,
        reason=reason,
        kept=False,
        rows=column.rows,
        missing=column.empty,
        chosen=chosen,
    )


def _plan(column: ColumnEvidence, kind: Kind, reason: str, *, chosen: bool = False) -> ColumnPlan:
    known = {"number": column.numbers, "yes/no": column.answers}.get(kind, column.present)
    ranged = kind == "number" and column.low is not None
    return ColumnPlan(
        name=column.name,
        kind=kind,
        reason=reason,
        rows=column.rows,
        missing=column.rows - known,
        odd=column.filled - known if kind in ("number", "yes/no") else 0,
        low=column.low if ranged and column.low is not None else 0,
        high=column.high if ranged and column.high is not None else 0,
        whole=kind == "number" and column.whole == column.numbers and _fits(column),
        chosen=chosen,
    )


def _dated(
    column: ColumnEvidence, order: Order, reason: str, *, chosen: bool = False
) -> ColumnPlan:
    dates = column.dates[order]
    down = 10**9 // PER_SECOND[dates.unit]
    return ColumnPlan(
        name=column.name,
        kind="date",
        reason=reason,
        rows=column.rows,
        missing=column.rows - dates.count,
        odd=column.filled - dates.count,
        low=dates.first // down,
        high=dates.last // down,
        whole=True,
        order=order,
        unit=dates.unit,
        days=dates.days,
        chosen=chosen,
    )


def _epoch(column: ColumnEvidence, unit: Unit, *, chosen: bool = False) -> ColumnPlan:
    names = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
    plan = _plan(column, "number", f"whole numbers that are {names[unit]} since 1970")
    return plan.model_copy(
        update={"kind": "date", "order": "epoch", "unit": unit, "chosen": chosen}
    )
