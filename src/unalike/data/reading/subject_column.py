"""Whose each sample is: a column that is named, or one whose name tells people or things apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from unalike.data.preprocessing.cells import is_mark, texts
from unalike.data.preprocessing.kinds import names_subjects
from unalike.data.preprocessing.table import Column, Table
from unalike.data.subjects import Subjects

from .roles import Source, column_of

NONE = "none"
"""Asks for samples to be cut one by one."""


class Named(NamedTuple):
    """Whose each sample is, and the column that is no feature any more."""

    subjects: Subjects | None
    used: tuple[str, ...] = ()


def subjects_of(source: Source, wish: Any, others: Sequence[str]) -> Named:
    """Whose each sample is, as far as anybody or the name of a column tells.

    wish: the column, by name or as values; "none" for no subjects. others: columns that are
    something else.

    Raises:
        InputError: there is no such column, or its length is not that of the samples.
    """
    if isinstance(wish, str) and wish == NONE and NONE not in source.names:
        return Named(None)
    if wish is not None:
        column = column_of(source, "subject", wish)
        return Named(None) if column is None else Named(_of(column), (column.name,))
    table = source.x if isinstance(source.x, Table) else None
    names = [] if table is None else [name for name in table.names if name not in others]
    people = [name for name in names if names_subjects(name, person=True)]
    things = [name for name in names if names_subjects(name)]
    for name in (people + things)[:1]:
        found = _of(source.x.column(name))
        return Named(found._replace(asked=False, people=name in people))
    return Named(None)


def _of(column: Column) -> Subjects:
    found = texts(column)
    names = np.array(["" if is_mark(name) else name for name in found.different] + [""])
    return Subjects(names[found.codes], column.name)
