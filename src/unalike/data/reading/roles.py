"""Which column is the label, the client, the time: by name, by a usual name, or given beside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.data.preprocessing.cells import Numbers, numbers
from unalike.data.preprocessing.table import Column, Table
from unalike.errors import InputError, unknown

from .array_inputs import as_array
from .frames import as_pandas, is_frame
from .index import aligned
from .names import as_column

USUAL = {
    "label": ("y", "label"),
    "client": ("client",),
    "event": (),
    "time": (),
    "group": (),
    "subject": (),
}


@dataclass(frozen=True)
class Source:
    """What a source holds, before anybody has said what is what."""

    x: Any  # a table, or samples [n, ...]
    columns: dict[str, npt.NDArray[Any]]  # further arrays by name, one row a sample
    notes: list[str]
    place: str = ""  # the file
    channels: str = ""  # "first" where x is known to have its channels first
    index: Any = None  # of a data frame
    order: tuple[str, ...] = ()  # what whole numbers in the labels stand for
    orders: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the same by column

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a role may have."""
        table = self.x.names if isinstance(self.x, Table) else ()
        return (*table, *self.columns)


def column_of(source: Source, role: str, wish: Any) -> Column | None:
    """The column that has a role; None where nobody names one and no usual name is there.

    Raises:
        InputError: there is no such column, or its length is not that of the samples.
    """
    values, name = _values(source, role, wish)
    if values is None:
        return None
    column = values if isinstance(values, Column) else as_column(values, name)
    if len(column) != len(source.x):
        raise InputError(
            f"{role} must hold one value a sample: {len(source.x)}, not {len(column)}."
        )
    return column


def labels_of(source: Source, wish: Any) -> tuple[Column | npt.NDArray[Any], str]:
    """The labels: a column, or many a sample [n, labels]; and their name.

    wish: values, the name of a column, or names of several columns of numbers with commas between.

    Raises:
        InputError: nobody says which column they are, there is no such column, or it has gaps.
    """
    several = label_columns(source, wish)
    if isinstance(wish, str) and len(several) > 1:
        columns = [source.x.column(name) for name in several]
        cells = [filled(column, numbers(column), "number") for column in columns]
        return np.stack([one.astype(np.float64) for one in cells], 1), wish
    values, name = _values(source, "label", wish)
    if values is None:
        here = f" Columns are: {', '.join(source.names)}." if source.names else ""
        raise InputError(
            "Say which column, or which values, are the labels with label=... (--label-column)."
            f"{here}"
        )
    if isinstance(values, Column):
        return values, name
    array = as_array(values, name or "y") if not _is_series(values) else None
    if array is not None and array.ndim == 2 and array.shape[1] > 1:
        return array, name
    return as_column(values, name or "y"), name


def label_columns(source: Source, wish: Any) -> list[str]:
    """The columns of the source's own table that a wish for labels takes: these are no features."""
    names = source.names
    if isinstance(wish, str):
        parts = [part.strip() for part in wish.split(",")]
        table = source.x.names if isinstance(source.x, Table) else ()
        return parts if wish not in names and set(parts) <= set(table) else [wish]
    if is_frame(wish):
        return [name for name in map(str, as_pandas(wish).columns) if name in names]
    return []


def filled(column: Column, cells: Numbers, what: str) -> npt.NDArray[Any]:
    """The values of a column [n] that holds one for each sample.

    Raises:
        InputError: some cells hold none; what: they should hold.
    """
    gaps = cells.missing | cells.odd
    if gaps.any():
        raise InputError(
            f"Column {column.name!r} holds no {what} for {np.count_nonzero(gaps)} of "
            f"{len(column)} samples, first for sample {gaps.argmax()}: fill them in or leave "
            "these samples out."
        )
    return cells.values


def _values(source: Source, role: str, wish: Any) -> tuple[Any, str]:
    if isinstance(wish, str):
        return _named(source, wish), wish
    if wish is None:
        usual = [name for name in USUAL[role] if name in source.names]
        if len(usual) > 1:
            raise InputError(
                f"Both {usual[0]!r} and {usual[1]!r} may be the {role}: say {role}={usual[0]!r} "
                "or the other."
            )
        return (_named(source, usual[0]), usual[0]) if usual else (None, "")
    if is_frame(wish):
        wish = as_pandas(wish)
        if wish.shape[1] == 1:
            wish = wish.iloc[:, 0]
    values, notes = aligned(wish, source.index, role)
    source.notes.extend(note for note in notes if note not in source.notes)
    return values, role


def _named(source: Source, name: str) -> Any:
    if isinstance(source.x, Table) and name in source.x.names:
        return source.x.column(name)
    if name in source.columns:
        return source.columns[name]
    where = f"{source.place} has" if source.place else "There is"
    if not source.names:
        raise InputError(f"{where} no column {name!r}: give the values themselves, one a sample.")
    raise InputError(f"{where} no column {name!r}. {unknown('column', name, source.names)}")


def _is_series(values: Any) -> bool:
    import pandas as pd

    return isinstance(values, pd.Series) or np.ndim(values) == 1
