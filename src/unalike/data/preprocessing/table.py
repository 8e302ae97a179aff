"""A table as it was read: columns of text or of typed values, and nothing done to them yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.errors import unknown

Rows = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table."""

    name: str
    values: npt.NDArray[Any]  # [n]: objects as they came, numbers, truth values or datetime64
    gaps: npt.NDArray[np.bool_] | None = None
    """[n]: where a column of whole numbers holds nothing, since these have no NaN."""

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Rows) -> Column:
        gaps = None if self.gaps is None else self.gaps[rows]
        return Column(self.name, self.values[rows], gaps)


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one length, and the place that each row had in its source."""

    columns: tuple[Column, ...]
    places: npt.NDArray[np.int64]  # [n]

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Table:
        """A table with all rows of its source."""
        return cls(tuple(columns), np.arange(len(columns[0]) if columns else 0))

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: Rows) -> Table:
        return Table(tuple(column[rows] for column in self.columns), self.places[rows])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in their order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of this name.

        Raises:
            InputError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise unknown("column", name, self.names)

    def without(self, names: Sequence[str]) -> Table:
        """All columns but these."""
        return Table(tuple(c for c in self.columns if c.name not in names), self.places)

    def in_order_of_source(self) -> Table:
        """The same rows as they followed each other in the source."""
        return self[np.argsort(self.places, kind="stable")]
