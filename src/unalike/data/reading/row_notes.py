"""What rows as a whole say: copies of one another, and a column that is the label itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.data.preprocessing.cells import numbers, texts
from unalike.data.preprocessing.table import Table

COPIES = 0.05
"""From this share of copies on, they are said."""
FEW = 10
"""With fewer rows, a column may agree with the labels by chance."""


def copies_notes(x: Table, y: npt.NDArray[Any], client: npt.NDArray[Any] | None) -> list[str]:
    """How many rows are the same as an earlier one in all columns, where these are many."""
    import pandas as pd

    columns: list[npt.NDArray[Any]] = [texts(column).codes for column in x.columns]
    columns += list(y.reshape(len(y), -1).T)
    if client is not None:
        columns.append(client)
    copies = int(pd.DataFrame(dict(enumerate(columns))).duplicated().sum())
    if copies < max(COPIES * len(y), 2):
        return []
    return [
        f"{copies} of {len(y)} rows equal an earlier one in all columns: where these are copies, "
        "the same sample can stand in training and in test."
    ]


def label_notes(x: Table, y: npt.NDArray[Any], label: str) -> list[str]:
    """The columns that say the label themselves: equal to it, or one value for each class."""
    if y.ndim > 1 or len(y) < FEW:
        return []
    different = len(np.unique(y))
    said = []
    for column in x.columns:
        if y.dtype.kind == "f":
            found = numbers(column)
            same = not found.missing.any() and bool(np.allclose(found.values, y, rtol=1e-6))
        else:
            cells = texts(column)
            same = (
                len(cells.different) == different
                and not (cells.codes < 0).any()
                and len(np.unique(np.stack([cells.codes, y], 1), axis=0)) == different
            )
        if same and different > 1:
            said.append(
                f"Column {column.name!r} says {label} itself, one value for one value: leave it "
                f"out with drop={column.name!r} unless it is known before {label} is."
            )
    return said
