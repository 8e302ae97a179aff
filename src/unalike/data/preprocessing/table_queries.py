"""What is asked of each client while a table's preprocessing is fitted, and what it answers.

Both are plain values that travel as JSON. A client answers from its training samples alone.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from unalike.errors import InputError

from .cells import Numbers, answers, numbers, texts
from .column_plan import ColumnPlan
from .dates import since_1970
from .encoders import plain_texts
from .evidence import ColumnEvidence, evidence_of
from .exact_sums import Grid, Steps, grid, total, total_of_squares
from .ranks import Interval, histogram
from .table import Column, Table


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TableQuery(_Value):
    """One question to every client."""

    stage: Literal["columns", "totals", "ranks", "texts"]
    plan: tuple[ColumnPlan, ...] = ()  # of the columns that are asked about
    intervals: dict[str, tuple[Interval, ...]] = {}  # by column, where ranks are asked for


class Totals(_Value):
    """Exact sums of one column, in steps; see `exact_sums`."""

    count: NonNegativeInt = 0
    total: int = 0
    squares: int = 0
    missing: NonNegativeInt = 0
    levels: dict[str, NonNegativeInt] = {}  # of a category: each value with its count


class TableAnswer(_Value):
    """What one client tells; only what was asked for is filled in."""

    columns: tuple[ColumnEvidence, ...] = ()
    totals: dict[str, Totals] = {}
    histograms: dict[str, tuple[tuple[NonNegativeInt, ...], ...]] = {}
    texts: dict[str, tuple[str, ...]] = {}


def answer(table: Table, query: TableQuery, *, share_texts: bool = False) -> TableAnswer:
    """What a client tells of its training samples.

    share_texts: whether the samples are in the same place as whoever asks, as in a simulation.

    Raises:
        InputError: free text is asked for, which no sum can replace.
    """
    table = table.in_order_of_source()
    if query.stage == "columns":
        return TableAnswer(columns=tuple(evidence_of(column) for column in table.columns))
    held = {plan.name: table.column(plan.name) for plan in query.plan}
    if query.stage == "totals":
        return TableAnswer(totals={p.name: _totals(held[p.name], p) for p in query.plan})
    if query.stage == "ranks":
        found = {plan.name: steps_of(held[plan.name], plan)[0] for plan in query.plan}
        return TableAnswer(
            histograms={
                name: tuple(tuple(histogram(found[name], one)) for one in intervals)
                for name, intervals in query.intervals.items()
            }
        )
    if not share_texts:
        raise text_must_stay([plan.name for plan in query.plan])
    return TableAnswer(
        texts={name: tuple(plain_texts(column).tolist()) for name, column in held.items()}
    )


def text_must_stay(names: list[str]) -> InputError:
    """Free text cannot be fitted where samples stay with their clients."""
    return InputError(
        f"Column {names[0]!r} holds free text, whose words cannot be learned from sums: over a "
        f"network drop it (drop {names[0]}), or turn it into numbers beforehand."
    )


def grid_of(plan: ColumnPlan) -> Grid:
    """The steps in which a column of numbers or dates is counted."""
    return grid(plan.low, plan.high, whole=plan.whole)


def values_of(column: Column, plan: ColumnPlan) -> Numbers:
    """The numbers of a column, its dates in their unit."""
    if plan.order is not None and plan.unit is not None:
        return since_1970(column, plan.order, plan.unit)
    return numbers(column)


def steps_of(column: Column, plan: ColumnPlan) -> tuple[Steps, int]:
    """The numbers that a column holds, in steps, and how many cells hold none."""
    found = values_of(column, plan)
    held: npt.NDArray[np.generic] = found.values[~found.missing]
    if plan.whole and held.dtype.kind == "f":
        held = held.astype(np.int64)
    return grid_of(plan).steps(held), int(np.count_nonzero(found.missing))


def _totals(column: Column, plan: ColumnPlan) -> Totals:
    if plan.kind == "category":
        cells = texts(column)
        counts = dict(zip(cells.different, cells.counts.tolist(), strict=True))
        empty = int(np.count_nonzero(cells.codes < 0))
        return Totals(count=sum(counts.values()), missing=empty, levels=counts)
    if plan.kind == "yes/no":
        found = answers(column)
        missing = int(np.count_nonzero(found.missing))
        return Totals(count=len(column) - missing, total=int(found.values.sum()), missing=missing)
    steps, missing = steps_of(column, plan)
    return Totals(
        count=len(steps), total=total(steps), squares=total_of_squares(steps), missing=missing
    )


def added(parts: list[Totals]) -> Totals:
    """The totals of several clients together: exact, whatever their order."""
    levels: dict[str, int] = {}
    for part in parts:
        for level, count in part.levels.items():
            levels[level] = levels.get(level, 0) + count
    return Totals(
        count=sum(part.count for part in parts),
        total=sum(part.total for part in parts),
        squares=sum(part.squares for part in parts),
        missing=sum(part.missing for part in parts),
        levels=levels,
    )
