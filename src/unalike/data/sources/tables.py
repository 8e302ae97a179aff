"""Features from the columns of a table: numbers as they are, categories as indicators."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pandas import DataFrame


class Column(NamedTuple):
    """A column that is used; without levels it holds numbers."""

    name: str
    levels: tuple[str | int, ...] = ()
    """The categories; the first is the reference and gets no feature of its own."""


def feature_names(columns: Sequence[Column]) -> tuple[str, ...]:
    """The column of the table, and behind "_" the level, for each column of `features`."""
    named = [
        [f"{column.name}_{level}" for level in column.levels[1:]] or [column.name]
        for column in columns
    ]
    return tuple(name for names in named for name in names)


def features(table: "DataFrame", columns: Sequence[Column]) -> npt.NDArray[np.float32]:
    """x [n, p] with one column for numbers and one of 0 and 1 for each level but the first."""
    chosen = [
        [table[name] == level for level in levels[1:]] or [table[name]] for name, levels in columns
    ]
    return np.stack([values for some in chosen for values in some], axis=1).astype(np.float32)
