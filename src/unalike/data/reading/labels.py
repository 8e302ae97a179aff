"""What is asked of each sample: classes by name, many labels, or what another task has."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from unalike.data.preprocessing.cells import is_number, is_whole
from unalike.data.preprocessing.table import Column
from unalike.errors import InputError
from unalike.tasks import AUTO, ColumnFacts, Task, read, said, task_named, task_of_column
from unalike.tasks.automatic import MOST_CLASSES
from unalike.tasks.automatic import column_facts as facts_of_values
from unalike.tasks.natural_order import in_natural_order, in_order
from unalike.tasks.values import whole

from .label_checks import (
    FEWEST,
    marks_note,
    refuse_half_numbers,
    refuse_no_numbers,
)
from .names import names_of

SHOWN = 5


class Labels(NamedTuple):
    """What is asked of all samples, and the answers."""

    y: npt.NDArray[Any]  # [n, ...] as the task has it
    task: Task
    notes: list[str]


def read_rows(values: npt.NDArray[Any], what: str, task: str, x_shape: tuple[int, ...]) -> Labels:
    """Several values a sample [n, k], under a task by name or the one that the rule finds.

    Raises:
        InputError: values that do not fit the task; or, under "auto", that fit two.
    """
    found, y, text = read(values, task, name=what, x_shape=x_shape)
    return Labels(y, found, [text] if text else [])


def read_column(
    column: Column, what: str, task: str = AUTO, *, order: tuple[str, ...] = ()
) -> Labels:
    """One value a sample, under a task by name or the one that the rule finds.

    order: the names that whole numbers stand for.

    Raises:
        InputError: one sentence says what to change.
    """
    numbers = None if order else numbers_of(column)
    text, chosen = "", task != AUTO
    if task == AUTO:
        if numbers is None and not order:
            refuse_half_numbers(column, what)
        facts = facts_of(column, numbers, what)
        task, why, others = task_of_column(facts, what)
        text = said(task, why, others, what) if facts.numbers else ""
    if task_named(task).holds_classes:
        y, names, notes = read_classes(column, what, chosen=chosen, order=order)
        found, y = task_named(task).read(y, name=what)
        return Labels(y, found.of(len(names), (), names), [*notes, *filter(None, [text])])
    if numbers is None:
        refuse_no_numbers(column, what, task)
    found, y, _ = read(column.values if numbers is None else numbers, task, name=what)
    return Labels(y, found, [text] if text else [])


def facts_of(column: Column, numbers: npt.NDArray[np.float64] | None, what: str) -> ColumnFacts:
    """What decides about a column's task. numbers: of `numbers_of`, None where they are names.

    Raises:
        InputError: a sample without a value.
    """
    samples = len(column)
    if numbers is None and column.values.dtype.kind == "f":
        held = column.values[~np.isnan(column.values)]
        if not whole(held):
            return ColumnFacts(samples, (), numbers=True)
    if numbers is not None and not (np.isfinite(numbers).all() and whole(numbers)):
        return facts_of_values(numbers)
    names = in_natural_order(set(class_names_of(column, what)[0].tolist()))
    return ColumnFacts(samples, tuple(names), numbers is not None, whole=numbers is not None)


def numbers_of(column: Column) -> npt.NDArray[np.float64] | None:
    """The values where all of them are numbers; None where there are others, or none at all."""
    if column.values.dtype.kind in "iuf":
        numbers = column.values.astype(np.float64)
        return numbers if np.isfinite(numbers).all() else None
    texts = [str(value).strip() for value in column.values]
    return np.array(texts, np.float64) if all(map(is_number, texts)) else None


def read_classes(
    column: Column, what: str, *, chosen: bool = False, order: tuple[str, ...] = ()
) -> tuple[npt.NDArray[np.int64], tuple[str, ...], list[str]]:
    """Classes of any names, numbered in the natural order of these: [n], names, what was found.

    chosen: whether somebody has said that these are classes. order: the names that whole numbers
    stand for.

    Raises:
        InputError: one sentence says what to change.
    """
    if order:
        column = _named(column, order, what)
    names, notes = class_names_of(column, what)
    different = in_natural_order(dict.fromkeys(names.tolist()))
    check_different(different, what, samples=len(names), chosen=chosen)
    y, ordered = in_order(names)
    notes.append(f"{what}: {len(different)} classes, in this order: {_listed(different)}.")
    notes += marks_note(different, what)
    rare = int(np.count_nonzero(np.bincount(y) < FEWEST))
    if len(different) > MOST_CLASSES and 2 * rare > len(different):
        notes.append(f"{what}: {rare} of the {len(different)} classes have 1 or 2 samples.")
    return y, ordered, notes


def check_different(different: list[str], what: str, *, samples: int, chosen: bool) -> None:
    """Whether the different names of all samples are those of classes.

    chosen: whether somebody has said so; else many names of few samples each are refused.

    Raises:
        InputError: one class, as many as samples, or many with few samples each.
    """
    if len(different) == 1:
        raise InputError(
            f"All {samples} samples are of one class in {what}, {different[0]!r}: at least two "
            "are needed."
        )
    if len(different) == samples > 2:
        raise InputError(
            f"Every sample has a class of its own in {what}: is that the column of classes?"
        )
    if not chosen and len(different) > MOST_CLASSES and samples:
        _refuse_rare(different, what, samples)


def class_names_of(column: Column, what: str) -> tuple[npt.NDArray[np.str_], list[str]]:
    """The class of each sample by its name [n], and what must be said.

    Raises:
        InputError: a sample without a class, or a number that is no class.
    """
    kind = column.values.dtype.kind
    if kind == "f":
        held = column.values[~np.isnan(column.values)]
        parted = held[held != np.floor(held)]
        if len(parted):
            raise _quantities(what, f"{parted[0]}")
    names, notes = names_of(column, what)
    different = set(names.tolist())
    if all(is_number(name) for name in different):
        parted_text = [n for n in different if not is_whole(n) and not float(n).is_integer()]
        if parted_text:
            raise _quantities(what, min(parted_text))
    return names, notes


def _quantities(what: str, example: str) -> InputError:
    return InputError(
        f"{what} holds {example}, which is no class: classes are whole numbers or names; say "
        "--task regression to predict a quantity."
    )


def typed(column: Column) -> bool:
    """Whether these are whole numbers by type, the usual way to write classes 0 to C - 1."""
    return column.values.dtype.kind in "iu"


def _refuse_rare(different: list[str], what: str, samples: int) -> None:
    if samples < FEWEST * len(different):
        raise InputError(
            f"{what} holds {len(different)} different values such as {different[0]!r} and "
            f"{different[1]!r} for {samples} samples, fewer than {FEWEST} samples each: say "
            "--task classes if each of them is a class, or write quantities as numbers with a "
            "decimal point and nothing beside it."
        )


def _named(column: Column, order: tuple[str, ...], what: str) -> Column:
    values = column.values
    if values.dtype.kind not in "iub" or values.min() < 0 or values.max() >= len(order):
        raise InputError(
            f"{what} must hold whole numbers from 0 to {len(order) - 1}, the places of its "
            f"{len(order)} class names."
        )
    return Column(column.name, np.array(order, dtype=object)[values])


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
