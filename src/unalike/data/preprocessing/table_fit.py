"""Preprocessing of tables, fitted from what clients tell: counts, exact sums and histograms.

    query = next(fit)          what every client is asked
    query = fit.send(answers)  the answers by client, until StopIteration brings the preprocessing

A simulation and a network send the same questions and get the same answers, so both end in the
same numbers, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence

import numpy as np

from unalike.data.sources.text import fit_text
from unalike.errors import InputError
from unalike.tasks.natural_order import in_natural_order

from .column_plan import ColumnPlan
from .dates import DAY, PER_SECOND
from .encoders import AnswerEncoder, CategoryEncoder, Encoder, NumberEncoder, TextEncoder
from .evidence import ColumnEvidence, merged
from .exact_sums import mean_and_deviation
from .exchange import exchange
from .kinds import plan_columns
from .ranks import Quartiles, find_quartiles, summed
from .settings import PreprocessingSettings
from .table import Table
from .table_preprocessing import TablePreprocessing
from .table_queries import TableAnswer, TableQuery, Totals, added, answer, grid_of

TableFit = Generator[TableQuery, Mapping[str, TableAnswer], TablePreprocessing]

FREQUENT = 10
"""A category that fewer training samples hold is rare; in small tables 1 % of them is enough."""
SINGLE = 2**24
"""Up to here every whole number is a float32 of its own."""


def fit_table(settings: PreprocessingSettings) -> TableFit:
    """Ask clients until a table's preprocessing is fitted.

    Raises:
        InputError: one sentence says which column, or which client, has to change.
    """
    told = yield TableQuery(stage="columns")
    plan = plan_columns(_together(told), settings.kinds, settings.drop)
    kept = tuple(column for column in plan if column.kept)
    counted = tuple(column for column in kept if column.kind != "text")
    told = yield TableQuery(stage="totals", plan=counted)
    totals = {c.name: added([told[who].totals[c.name] for who in sorted(told)]) for c in counted}
    quartiles: dict[str, Quartiles] = {}
    if settings.scale == "robust":
        ranged = tuple(column for column in kept if column.kind in ("number", "date"))
        quartiles = yield from _quartiles(ranged, totals)
    written = tuple(column for column in kept if column.kind == "text")
    texts: dict[str, TextEncoder] = {}
    if written:
        told = yield TableQuery(stage="texts", plan=written)
        texts = {column.name: _text_encoder(column, told) for column in written}
    encoders = tuple(
        texts[c.name]
        if c.name in texts
        else _encoder(c, totals[c.name], quartiles.get(c.name), settings.scale)
        for c in kept
    )
    return TablePreprocessing(plan=plan, encoders=encoders, scale=settings.scale)


def fit_tables(tables: Mapping[str, Table], settings: PreprocessingSettings) -> TablePreprocessing:
    """Fit on the training samples of clients whose tables are all here."""

    def answers(query: TableQuery) -> dict[str, TableAnswer]:
        return {name: answer(table, query, share_texts=True) for name, table in tables.items()}

    return exchange(fit_table(settings), answers)


def _together(told: Mapping[str, TableAnswer]) -> list[ColumnEvidence]:
    """The evidence of each column from all clients, in the order of the first client's columns."""
    whose = sorted(told)
    first = [column.name for column in told[whose[0]].columns]
    for who in whose[1:]:
        names = [column.name for column in told[who].columns]
        if set(names) != set(first):
            lacking, extra = sorted(set(first) - set(names)), sorted(set(names) - set(first))
            what = f"lacks the column {lacking[0]!r}" if lacking else f"has a column {extra[0]!r}"
            raise InputError(
                f"Client {who!r} {what}, unlike client {whose[0]!r}: all clients need the same "
                "columns."
            )
    by_name = [{column.name: column for column in told[who].columns} for who in whose]
    return [merged([columns[name] for columns in by_name]) for name in first]


def _quartiles(
    plan: Sequence[ColumnPlan], totals: Mapping[str, Totals]
) -> Generator[TableQuery, Mapping[str, TableAnswer], dict[str, Quartiles]]:
    """The exact quartiles of each column, in steps."""
    ends = {c.name: int(grid_of(c).steps(np.array([c.high]))[0]) for c in plan}
    search = find_quartiles(ends, {c.name: totals[c.name].count for c in plan})
    try:
        intervals = next(search)
        while True:
            asked = tuple(column for column in plan if column.name in intervals)
            told = yield TableQuery(stage="ranks", plan=asked, intervals=intervals)
            intervals = search.send(summed([told[who].histograms for who in told]))
    except StopIteration as done:
        return done.value


def _encoder(
    column: ColumnPlan, totals: Totals, quartiles: Quartiles | None, scale: str
) -> Encoder:
    if column.kind == "category":
        return _category(column, totals)
    if column.kind == "yes/no":
        return AnswerEncoder(
            name=column.name,
            fill=totals.total / totals.count,
            indicator=totals.missing > 0,
            odd_is_missing=column.chosen,
        )
    return _number(column, totals, quartiles, scale)


def _number(
    column: ColumnPlan, totals: Totals, quartiles: Quartiles | None, scale: str
) -> NumberEncoder:
    grid = grid_of(column)
    mean, deviation = mean_and_deviation(totals.count, totals.total, totals.squares)
    raw = scale == "none" and column.kind == "number"
    if raw:
        _refuse_loss(column, grid.length(1) * deviation)
    centre, spread = mean, grid.length(1) * deviation
    if quartiles is not None:
        centre, spread = quartiles[1], grid.length(quartiles[2] - quartiles[0])
    if scale == "none" and column.unit is not None:
        spread = DAY * PER_SECOND[column.unit]
    offset = grid.length(centre)
    return NumberEncoder(
        name=column.name,
        kind="date" if column.kind == "date" else "number",
        low=column.low,
        offset=offset,
        scale=spread if spread > 0 else 1.0,
        raw=raw,
        fill=float(column.low) + offset if raw else 0.0,
        indicator=totals.missing > 0,
        whole=column.whole,
        order=column.order,
        unit=column.unit,
        odd_is_missing=column.chosen,
    )


def _refuse_loss(column: ColumnPlan, deviation: float) -> None:
    """Numbers so far from 0 that single precision cannot tell them apart."""
    largest = max(abs(column.low), abs(column.high))
    apart = math.ulp(float(largest)) * 2**29
    if (column.whole and largest > SINGLE) or 0 < deviation < 16 * apart:
        raise InputError(
            f"Column {column.name!r} holds numbers up to {largest:,}, which single precision "
            'cannot tell apart without scaling: leave scale="auto", or subtract a constant first.'
        )


def _category(column: ColumnPlan, totals: Totals) -> CategoryEncoder:
    least = least_count(totals.count + totals.missing)
    frequent = sorted(level for level, count in totals.levels.items() if count >= least)
    return CategoryEncoder(
        name=column.name,
        levels=tuple(in_natural_order(frequent)),
        others=len(frequent) < len(totals.levels),
        missing=totals.missing > 0,
    )


def least_count(samples: int) -> int:
    """How many of the training samples must hold a category for a column of its own."""
    return min(FREQUENT, -(-samples // 100))


def _text_encoder(column: ColumnPlan, told: Mapping[str, TableAnswer]) -> TextEncoder:
    parts = [np.array(told[who].texts[column.name], dtype=str) for who in sorted(told)]
    try:
        fitted = fit_text([part for part in parts if len(part)], width=None)
    except InputError as error:
        raise InputError(
            f"The texts of column {column.name!r} share no words, so that nothing can be learned "
            f"from them: drop it, or say {column.name}=category."
        ) from error
    return TextEncoder(name=column.name, fitted=fitted.to_dict())
