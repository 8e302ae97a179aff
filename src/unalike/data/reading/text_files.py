"""Tables in text files: the separator, the row of names, decimal commas; every cell is text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from unalike.data.preprocessing.cells import is_mark, is_number
from unalike.data.preprocessing.table import Column, Table
from unalike.errors import InputError

from .encoding import decoded, read_bytes

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
FIRST = 100
"""The rows from which the separator follows."""
LONGEST = 2**31 - 1
_SAID = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
_COMMA = re.compile(r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+),[0-9]+")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_WHOLE = re.compile(r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)")


class TextTable(NamedTuple):
    """A table whose cells are text, and what must be said of how it was read."""

    table: Table
    notes: list[str]


def read_text_table(
    place: Path,
    *,
    expected: Collection[str] = (),
    identities: Collection[str] = (),
    decimal: str = "",
) -> TextTable:
    """The table of a text file.

    expected: columns that must be there, which tells a row of names from a row of values.
    identities: columns whose cells are names, which are kept as they were written.
    decimal: "," or "." where the file leaves it open.

    Raises:
        InputError: one sentence says what to change.
    """
    text, notes = decoded(read_bytes(place), place)
    said = _SAID.match(text)
    if said:
        text = text[said.end() :]
    if not text.strip():
        raise InputError(f"{place} is empty.")
    separator = said[1] if said else _separator(text, place)
    rows = _rows(text, separator, place)
    names = next(rows, [])
    cells = _columns(rows, len(names), place)
    names, cells, more = _named(names, cells, place, expected)
    if separator != ",":
        notes.append(f"{place.name} is separated by {SEPARATORS.get(separator, repr(separator))}.")
    columns = [Column(name, values) for name, values in zip(names, cells, strict=True)]
    numbers, commas = _with_points([c for c in columns if c.name not in identities], place, decimal)
    by_name = {column.name: column for column in (*columns, *numbers)}
    return TextTable(Table.of(list(by_name.values())), [*notes, *more, *commas])


def _separator(text: str, place: Path) -> str:
    """The separator with which all first rows have equally many cells, and most of them."""
    counts: dict[str, list[int]] = {}
    for separator in SEPARATORS:
        try:
            first = list(
                islice(csv.reader(io.StringIO(text, newline=""), delimiter=separator), FIRST)
            )
        except csv.Error:
            continue
        counts[separator] = [len(row) for row in first if row]
    even = {s: n[0] for s, n in counts.items() if n and n[0] > 1 and len(set(n)) == 1}
    if not even:  # a ragged row is said later: take what splits the row of names
        even = {s: n[0] for s, n in counts.items() if n and n[0] > 1}
    if not even:
        raise InputError(
            f"{place} has one column alone: separate its cells by commas, semicolons or tabs."
        )
    return max(even, key=lambda s: even[s])


def _rows(text: str, separator: str, place: Path) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=False)
    width = 0
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise InputError(f"{place} cannot be read in line {reader.line_num}: {error}") from None
        if row is None:
            return
        if not row:
            continue
        width = width or len(row)
        if len(row) != width:
            raise InputError(
                f"Line {reader.line_num} of {place} has {len(row)} cells, but the row of names has "
                f"{width}: mend that line (a cell that holds the separator needs quotes around it)."
            )
        yield row


def _columns(rows: Iterator[list[str]], width: int, place: Path) -> list[npt.NDArray[Any]]:
    parts: list[list[npt.NDArray[Any]]] = [[] for _ in range(width)]
    while block := list(islice(rows, 50_000)):
        for part, cells in zip(parts, zip(*block, strict=True), strict=True):
            part.append(np.array(cells, dtype=object))
    if not parts or not parts[0]:
        raise InputError(f"{place} holds no rows.")
    return [np.concatenate(part) for part in parts]


def _named(
    names: list[str], cells: list[npt.NDArray[Any]], place: Path, expected: Collection[str]
) -> tuple[list[str], list[npt.NDArray[Any]], list[str]]:
    names = [name.strip() for name in names]
    values = [name for name in names if is_number(name) or is_mark(name)]
    if len(values) * 2 >= len(names) and not set(expected) & set(names):
        raise InputError(
            f"The first row of {place} holds values such as {values[0]!r}, not the names of the "
            "columns: put a row of names above it."
        )
    notes: list[str] = []
    kept: dict[str, npt.NDArray[Any]] = {}
    for place_in_row, (name, column) in enumerate(zip(names, cells, strict=True)):
        if not name:
            if not any(cell.strip() for cell in column):
                notes.append(f"Column {place_in_row + 1} has no name and no values: left out.")
                continue
            name = f"Unnamed: {place_in_row}"
        if name in kept:
            if not (kept[name] == column).all():
                raise InputError(
                    f"{place} has two columns called {name!r} with different values: rename one."
                )
            notes.append(f"Column {name!r} stands there twice with the same values: taken once.")
            continue
        kept[name] = column
    return list(kept), list(kept.values()), notes


def _with_points(
    columns: list[Column], place: Path, decimal: str
) -> tuple[list[Column], list[str]]:
    """Numbers with decimal commas, or with commas between thousands, written with points.

    A column that leaves it open follows the others.
    """
    readings = {column.name: _reading(column.values) for column in columns}
    clear = {reading for reading in readings.values() if reading in ("comma", "thousands")}
    usual = {",": "comma", ".": "thousands"}.get(decimal) or (
        clear.pop() if len(clear) == 1 else "open"
    )
    written: list[Column] = []
    names: dict[str, list[str]] = {"comma": [], "thousands": []}
    for column in columns:
        reading = usual if readings[column.name] == "open" else readings[column.name]
        if reading == "open":
            raise InputError(
                f"Column {column.name!r} of {place} holds numbers such as "
                f"{_example(column.values)!r}, where the comma may stand before decimals or "
                'between thousands: say decimal="," or decimal=".".'
            )
        if reading != "point":
            names[reading].append(column.name)
            drop, point = (".", ",") if reading == "comma" else (",", ".")
            column = Column(column.name, _replaced(column.values, drop=drop, point=point))
        written.append(column)
    notes = []
    if names["comma"]:
        notes.append(f"Decimal commas in {_listed(names['comma'])} are read as points.")
    if names["thousands"]:
        notes.append(f"Commas in {_listed(names['thousands'])} are taken to part thousands.")
    return written, notes


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _reading(values: npt.NDArray[Any]) -> str:
    """How the numbers of a column are written: "point", "comma", "thousands", or "open"."""
    different = set(values)
    if not any("," in cell for cell in different):
        return "point"
    cells = {cell.strip() for cell in different}
    cells = {cell for cell in cells if cell and not is_mark(cell)}
    decimals = all(_COMMA.fullmatch(cell) or _WHOLE.fullmatch(cell) for cell in cells)
    thousands = all(_THOUSANDS.fullmatch(cell) or is_number(cell) for cell in cells)
    if decimals and thousands:
        return "open"
    if decimals:
        return "comma"
    return "thousands" if thousands else "point"


def _example(values: npt.NDArray[Any]) -> str:
    return min(str(cell) for cell in set(values) if "," in cell)


def _replaced(values: npt.NDArray[Any], *, drop: str, point: str) -> npt.NDArray[Any]:
    new = {
        cell: cell if is_mark(cell) else cell.replace(drop, "").replace(point, ".")
        for cell in set(values)
    }
    return np.array([new[cell] for cell in values], dtype=object)
