"""Which task y asks for, by rule: the rule says what it took, and where it cannot tell it asks.

text, true/false, two different values     binary or classes
a few different whole numbers               classes
many different whole numbers                classes or a quantity: refused
other numbers                               regression
rows [n, C] with one 1 each                 classes (they are one-hot)
other rows of zeros and ones                labels
rows (time, event 0 or 1)                   survival
rows of whole numbers beside such x [n, T]  sequence
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from unalike.errors import InputError

from .classes import one_hot
from .registry import AUTO, task_named
from .task import Array, Task
from .values import values_of, whole

MOST_CLASSES = 20
"""More different whole numbers than these may be quantities."""


class Reading(NamedTuple):
    """How y is read."""

    task: Task
    y: Array
    text: str  # what was taken, and how to change it; empty where the user said it


def read(y: Any, task: str = AUTO, *, name: str = "y", x_shape: tuple[int, ...] = ()) -> Reading:
    """y [n, ...] under a task by name, or under the one that the rule finds.

    name: of the column, for messages. x_shape: of one sample, where samples are whole numbers.

    Raises:
        InputError: values that do not fit the task; or, under "auto", that fit two.
    """
    if task != AUTO:
        return Reading(*task_named(task).read(y, name=name), "")
    found, why, other = _decide(values_of(y, name), name, x_shape)
    text = f"Task: {found}, because {name} {why}."
    if other:
        text += f" Say --task {other} if that is not what is asked."
    return Reading(*task_named(found).read(y, name=name), text)


def _decide(array: Array, name: str, x_shape: tuple[int, ...]) -> tuple[str, str, str]:
    """The task, why, and the next likely one."""
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return _of_rows(array, name, x_shape)
    if array.ndim > 1:
        raise InputError(
            f"{name} has the shape {list(array.shape)}, which no rule can read: say --task."
        )
    distinct = np.unique(array.astype(str) if array.dtype.kind == "O" else array)
    count = len(distinct)
    if array.dtype.kind not in "iuf":
        kind = "true or false" if array.dtype.kind == "b" else "names"
        return ("binary" if count == 2 else "classes"), f"holds {count} {kind}", ""
    if not whole(array):
        if count <= 2:
            raise _two_readings(name, f"{count} different numbers", "classes", "regression")
        return "regression", f"holds numbers that are not whole, {count} different ones", ""
    if count == 2:
        return "binary", "holds two different numbers", "regression"
    in_a_row = distinct[0] in (0, 1) and distinct[-1] - distinct[0] == count - 1
    if in_a_row and count <= MOST_CLASSES:
        return (
            "classes",
            f"holds the whole numbers {distinct[0]:g} to {distinct[-1]:g}",
            "regression",
        )
    if count > MOST_CLASSES or 2 * count > len(array):
        if array.min() < 0:
            return "regression", f"holds {count} different whole numbers, some below 0", "classes"
        raise _two_readings(name, f"{count} different whole numbers", "classes", "regression")
    return "classes", f"holds {count} different whole numbers", "regression"


def _of_rows(array: Array, name: str, x_shape: tuple[int, ...]) -> tuple[str, str, str]:
    return task_of_rows(row_facts(array, x_shape), name)


class RowFacts(NamedTuple):
    """What holds for all rows of values [n, k]."""

    columns: int  # k
    one_hot: bool
    zeros_and_ones: bool
    time_and_event: bool
    whole: bool
    beside_x: bool  # one value for each place of x

    @classmethod
    def together(cls, parts: Sequence[RowFacts]) -> RowFacts:
        """What holds for the rows of all of them, which have the same number of columns."""
        flags = zip(*(part[1:] for part in parts), strict=True)
        return cls(parts[0].columns, *map(all, flags))


def row_facts(array: Array, x_shape: tuple[int, ...]) -> RowFacts:
    """Of numbers [n, k]; x_shape: of one sample, where samples are whole numbers."""
    columns = array.shape[1]
    return RowFacts(
        columns,
        one_hot(array),
        bool(np.isin(array, (0, 1)).all()),
        columns == 2 and bool(np.isin(array[:, 1], (0, 1)).all() and (array[:, 0] >= 0).all()),
        whole(array),
        x_shape == array.shape[1:],
    )


def task_of_rows(facts: RowFacts, name: str) -> tuple[str, str, str]:
    """The task of such rows, why, and the next likely one.

    Raises:
        InputError: there are two that fit.
    """
    columns = facts.columns
    if facts.one_hot:
        return "classes", f"holds rows of {columns} with one 1 each (one-hot)", "labels"
    if facts.zeros_and_ones:
        return "labels", f"holds rows of {columns} zeros and ones", "regression"
    if facts.time_and_event:
        return "survival", "holds a time and an event that is 0 or 1", "regression"
    if facts.whole and facts.beside_x:
        return "sequence", "holds whole numbers for each place of x", "regression"
    if facts.whole:
        raise _two_readings(name, f"rows of {columns} whole numbers", "sequence", "regression")
    return "regression", f"holds rows of {columns} numbers", ""


def _two_readings(name: str, what: str, one: str, other: str) -> InputError:
    counts = " (or --task counts)" if other == "regression" and one == "classes" else ""
    return InputError(
        f"{name} holds {what}, which may be {one} or quantities: say --task {one} or "
        f"--task {other}{counts}."
    )
