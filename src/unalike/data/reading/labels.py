"""What each sample is to be called: classes by name, or many labels a sample."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from unalike.data.natural_order import in_natural_order, in_order
from unalike.data.preprocessing.cells import is_number, is_whole
from unalike.data.preprocessing.table import Column
from unalike.errors import InputError

from .names import names_of

MOST_NUMBERED = 10
"""From a table, more different whole numbers than these may be classes or quantities."""
SHOWN = 5


class Labels(NamedTuple):
    """The labels of all samples."""

    y: npt.NDArray[Any]  # [n] int64 places in `names`, or [n, labels] float32 of zeros and ones
    names: tuple[str, ...]
    notes: list[str]
    column: str = ""  # where they stood


def read_labels(
    column: Column, what: str, *, chosen: bool = False, order: tuple[str, ...] = ()
) -> Labels:
    """Classes of any names, numbered in the natural order of these.

    chosen: whether somebody has said that these are classes; else many different numbers are
    refused, since they may be quantities. order: the names that whole numbers stand for.

    Raises:
        InputError: one sentence says what to change.
    """
    if order:
        column = _named(column, order, what)
    names, notes = _class_names(column, what)
    different = in_natural_order(dict.fromkeys(names.tolist()))
    _refuse_quantities(different, what, chosen=chosen, listed=not order and _typed(column))
    if len(different) == 1:
        raise InputError(
            f"All {len(names)} samples are of one class in {what}, {different[0]!r}: at least two "
            "are needed."
        )
    if len(different) == len(names) > 2:
        raise InputError(
            f"Every sample has a class of its own in {what}: is that the column of classes?"
        )
    y, ordered = in_order(names)
    notes.append(f"{what}: {len(different)} classes, in this order: {_listed(different)}.")
    return Labels(y, ordered, notes)


def read_many_labels(values: npt.NDArray[Any], what: str, names: tuple[str, ...] = ()) -> Labels:
    """Zeros and ones [n, labels]; rows with exactly one 1 each are classes.

    Raises:
        InputError: anything but zeros and ones.
    """
    if values.ndim != 2:
        raise InputError(f"{what} must be [n] or [n, labels], but its shape is {values.shape}.")
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{what} with many labels a sample must hold only zeros and ones."
        ) from None
    if not np.isin(numbers, (0, 1)).all():
        raise InputError(f"{what} with many labels a sample must hold only zeros and ones.")
    names = names or tuple(map(str, range(values.shape[1])))
    if (numbers.sum(1) == 1).all():
        note = (
            f"Each row of {what} holds exactly one 1: taken as {len(names)} classes, one a sample "
            "(one-hot), not as many labels."
        )
        return Labels(numbers.argmax(1).astype(np.int64), names, [note])
    return Labels(numbers.astype(np.float32), names, [])


def _class_names(column: Column, what: str) -> tuple[npt.NDArray[np.str_], list[str]]:
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
        f"{what} holds {example}, which is no class: classes are whole numbers or names; to "
        "predict a quantity, cut it into classes first."
    )


def _typed(column: Column) -> bool:
    """Whether whole numbers 0 to C - 1 came as numbers, the usual way to write classes."""
    if column.values.dtype.kind not in "iu":
        return False
    found = np.unique(column.values)
    return bool((found == np.arange(len(found))).all())


def _refuse_quantities(different: list[str], what: str, *, chosen: bool, listed: bool) -> None:
    if chosen or listed or len(different) <= MOST_NUMBERED:
        return
    if all(is_whole(name) for name in different):
        raise InputError(
            f"{what} holds {len(different)} different whole numbers, {different[0]} to "
            f"{different[-1]}, and two readings are plausible: say task=classes if each of them is "
            "a class, or cut the quantity into classes first."
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
