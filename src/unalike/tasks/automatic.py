"""Which task y asks for, by rule: the rule says what it took, and where it cannot tell it asks.

two different names or whole numbers        binary
more names                                  classes
a few different whole numbers               classes
many different whole numbers                classes, counts or quantities: refused
the same, some below 0                      regression
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
from .natural_order import in_order
from .registry import AUTO, task_named
from .samples import Array
from .task import Task
from .values import values_of, whole

MOST_CLASSES = 10
"""More different whole numbers than these may be counts or quantities."""


class Reading(NamedTuple):
    """How y is read."""

    task: Task
    y: Array
    text: str  # what was taken, and how to change it; empty where the user said it


class ColumnFacts(NamedTuple):
    """What decides about one value a sample, whoever holds the samples."""

    samples: int  # 0 where nobody knows how many there are
    different: tuple[str, ...]  # values in natural order; none, or a few, where not all are whole
    numbers: bool  # all of them
    whole: bool = False  # all are whole numbers
    truths: bool = False  # they came as true and false


def read(y: Any, task: str = AUTO, *, name: str = "y", x_shape: tuple[int, ...] = ()) -> Reading:
    """y [n, ...] under a task by name, or under the one that the rule finds.

    name: of the column, for messages. x_shape: of one sample, where samples are whole numbers.

    Raises:
        InputError: values that do not fit the task; or, under "auto", that fit two.
    """
    if task != AUTO:
        return Reading(*task_named(task).read(y, name=name), "")
    found, why, others = _decide(values_of(y, name), name, x_shape)
    return Reading(*task_named(found).read(y, name=name), said(found, why, others, name))


def said(task: str, why: str, others: tuple[str, ...], name: str) -> str:
    """What was taken, and how to change it."""
    text = f"Task: {task}, because {name} {why}."
    if not others:
        return text
    return f"{text} Say {_options(others)} if that is not what is asked."


def _decide(array: Array, name: str, x_shape: tuple[int, ...]) -> tuple[str, str, tuple[str, ...]]:
    """The task, why, and others that fit."""
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return task_of_rows(row_facts(array, x_shape), name)
    if array.ndim > 1:
        raise InputError(
            f"{name} has the shape {list(array.shape)}, which no rule can read: say --task."
        )
    return task_of_column(column_facts(array), name)


def column_facts(array: Array) -> ColumnFacts:
    """Of one value a sample [n], without gaps."""
    kind, samples = array.dtype.kind, len(array)
    if kind == "b":
        return ColumnFacts(samples, in_order(array)[1], False, truths=True)
    if kind not in "iuf":
        return ColumnFacts(samples, in_order(array)[1], False)
    if not (np.isfinite(array).all() and whole(array)):
        few = np.unique(array)[:2]
        return ColumnFacts(samples, tuple(f"{value:g}" for value in few), True)
    return ColumnFacts(samples, in_order(array)[1], True, whole=True)


def task_of_column(facts: ColumnFacts, name: str) -> tuple[str, str, tuple[str, ...]]:
    """The task of one value a sample, why, and others that fit.

    Raises:
        InputError: there are two that are as likely.
    """
    different = facts.different
    count = len(different)
    if not facts.numbers:
        kind = "true or false" if facts.truths else "name" + "s" * (count != 1)
        return ("binary" if count == 2 else "classes"), f"holds {count} {kind}", ()
    if not facts.whole:
        if count == 1:
            raise InputError(
                f"{name} is {different[0]} for all samples: there is nothing to learn."
            )
        return "regression", "holds numbers that are not whole", ()
    values = [int(float(value)) for value in different]
    low, high = min(values), max(values)
    amounts = ("counts", "regression") if low >= 0 else ("regression",)
    if count == 2:
        return "binary", f"holds two different numbers, {low} and {high}", amounts
    in_a_row = low in (0, 1) and high - low == count - 1
    if count <= MOST_CLASSES and in_a_row:
        return "classes", f"holds the whole numbers {low} to {high}", amounts
    if count > MOST_CLASSES and low < 0:
        why = f"holds {count} different whole numbers, some below 0"
        return "regression", why, ("classes",)
    if count > MOST_CLASSES or (count > 1 and 2 * count > facts.samples > 0):
        what = f"{count} different whole numbers, {low} to {high}"
        raise _two_readings(name, what, ("classes", *amounts))
    numbers = "whole number" if count == 1 else "different whole numbers"
    return "classes", f"holds {count} {numbers}", amounts


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


def task_of_rows(facts: RowFacts, name: str) -> tuple[str, str, tuple[str, ...]]:
    """The task of such rows, why, and others that fit.

    Raises:
        InputError: there are two that fit.
    """
    columns = facts.columns
    if facts.one_hot:
        return "classes", f"holds rows of {columns} with one 1 each (one-hot)", ("labels",)
    if facts.zeros_and_ones:
        return "labels", f"holds rows of {columns} zeros and ones", ("regression",)
    if facts.time_and_event:
        return "survival", "holds a time and an event that is 0 or 1", ("regression",)
    if facts.whole and facts.beside_x:
        return "sequence", "holds whole numbers for each place of x", ("regression",)
    if facts.whole:
        raise _two_readings(name, f"rows of {columns} whole numbers", ROWS_OF_WHOLE_NUMBERS)
    return "regression", f"holds rows of {columns} numbers", ()


READ_AS = {
    "classes": "classes",
    "counts": "counts",
    "regression": "quantities",
    "sequence": "tokens",
}
"""What values are under a task, in the plural."""
ROWS_OF_WHOLE_NUMBERS = ("sequence", "regression")


def _two_readings(name: str, what: str, tasks: tuple[str, ...]) -> InputError:
    readings = _either([READ_AS[task] for task in tasks])
    return InputError(f"{name} holds {what}, which may be {readings}: say {_options(tasks)}.")


def _options(tasks: tuple[str, ...]) -> str:
    return _either([f"--task {task}" for task in tasks])


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
