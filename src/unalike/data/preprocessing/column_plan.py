"""What becomes of one column: its kind with the reason, and the range that clients told."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from .dates import PER_SECOND, Order, Unit
from .evidence import ColumnEvidence

Kind = Literal["number", "category", "yes/no", "date", "text", "identifier"]
KINDS: tuple[Kind, ...] = get_args(Kind)


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
    names_clients: bool = False  # one value within each client, and not one alone


def left_out(
    column: ColumnEvidence, kind: Kind, reason: str, *, chosen: bool = False
) -> ColumnPlan:
    """A column from which nothing is learned."""
    return ColumnPlan(
        name=column.name,
        kind=kind,
        reason=reason,
        kept=False,
        rows=column.rows,
        missing=column.empty,
        chosen=chosen,
    )


def planned(column: ColumnEvidence, kind: Kind, reason: str, *, chosen: bool = False) -> ColumnPlan:
    """A column of a kind, with its range where it is one of numbers."""
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
        names_clients=column.constant,
        whole=kind == "number" and column.whole == column.numbers and fits(column),
        chosen=chosen,
    )


def dated(column: ColumnEvidence, order: Order, reason: str, *, chosen: bool = False) -> ColumnPlan:
    """A column of dates written with day, month and year in this order."""
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


def since_epoch(column: ColumnEvidence, unit: Unit, *, chosen: bool = False) -> ColumnPlan:
    """A column of whole numbers that are points in time."""
    names = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
    plan = planned(column, "number", f"whole numbers that are {names[unit]} since 1970")
    return plan.model_copy(
        update={"kind": "date", "order": "epoch", "unit": unit, "chosen": chosen}
    )


def fits(column: ColumnEvidence) -> bool:
    """Whether all numbers are whole numbers of 64 bits, so that their differences are exact."""
    return isinstance(column.low, int) and isinstance(column.high, int)
