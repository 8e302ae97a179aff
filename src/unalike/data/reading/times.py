"""When each sample was taken, as numbers that can be put in order."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from unalike.data.preprocessing.dates import span
from unalike.data.preprocessing.evidence import evidence_of
from unalike.data.preprocessing.kinds import plan_columns
from unalike.data.preprocessing.table import Column
from unalike.data.preprocessing.table_queries import values_of
from unalike.errors import InputError


def as_times(column: Column) -> tuple[npt.NDArray[Any], list[str]]:
    """One time a sample [n], int64 or float64, and what must be said.

    Raises:
        InputError: a sample without a time, or one that is no number and no date.
    """
    evidence = evidence_of(column)
    if evidence.filled < evidence.rows:
        raise InputError(
            f"{column.name} names no time for {evidence.rows - evidence.filled} of "
            f"{evidence.rows} samples: fill them in or leave these samples out."
        )
    if evidence.numbers == evidence.rows and not evidence.dates:
        plan = plan_columns([evidence], {column.name: "number"})[0]
        return values_of(column, plan).values, []
    if not evidence.dates:
        raise InputError(
            f"{column.name} must hold a number or a date for each sample, not "
            f"{str(column.values[0])!r}."
        )
    plan = plan_columns([evidence], {column.name: "date"})[0]
    if plan.unit is None or plan.missing:
        raise InputError(f"{column.name} must hold dates that are all written alike.")
    first, last = span(plan.low, plan.high, plan.unit)
    note = f"{column.name} runs from {first} to {last}."
    return values_of(column, plan).values, [note]
