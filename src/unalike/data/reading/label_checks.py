"""Labels that are nearly numbers, and gaps that are written out: neither is a class in silence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unalike.data.preprocessing.cells import Texts, is_mark, is_number, texts
from unalike.data.preprocessing.evidence import ColumnEvidence, evidence_of
from unalike.data.preprocessing.table import Column
from unalike.errors import InputError
from unalike.tasks.automatic import MOST_CLASSES

FEWEST = 3
"""Of so many classes, fewer samples each are a sign of quantities, dates or names."""


def refuse_half_numbers(column: Column, what: str) -> None:
    """Labels of which nobody has said what they are, and which are nearly numbers or dates.

    Raises:
        InputError: one sentence names the values that are none, and says what to do.
    """
    if column.values.dtype.kind in "biuf":
        return
    told = evidence_of(column)
    if told.marks and told.filled in (told.numbers, told.answers):
        raise _gaps(column, what)
    many = told.distinct > MOST_CLASSES
    others = told.filled - told.numbers
    nearly = told.units + told.numbers == told.filled or 2 * told.numbers >= told.filled
    if others and nearly and (many or told.whole < told.numbers):
        raise _half_numbers(column, what, told)
    if many and any(dates.count == told.filled for dates in told.dates.values()):
        raise InputError(
            f"{what} holds dates such as {str(column.values[0])!r}: give a number instead, such as "
            "the days since a first one, or say --task classes if each date is a class."
        )


def refuse_no_numbers(column: Column, what: str, task: str) -> None:
    """Text where a task wants a number of each sample.

    Raises:
        InputError: one sentence names a text that is none.
    """
    if column.values.dtype.kind in "biufM":
        return
    cells = texts(column)
    odd = _rows(cells, [not is_number(text) for text in cells.different])
    if odd.any():
        first = int(odd.argmax())
        raise InputError(
            f"{what} holds {str(column.values[first])!r}, which is no number, for sample {first} "
            f"({np.count_nonzero(odd)} of {len(column)} are none), but {task} needs numbers: "
            "write them with a decimal point and nothing beside it, or leave these samples out."
        )


def marks_note(names: list[str], what: str) -> list[str]:
    """What must be said of classes whose name may stand for a gap."""
    marks = [name for name in names if is_mark(name)]
    return [
        f"{what}: {name!r} counts as a class; leave its samples out if it stands for a missing "
        "label."
        for name in marks
    ]


def _gaps(column: Column, what: str) -> InputError:
    cells = texts(column)
    gaps = _rows(cells, [is_mark(text) for text in cells.different])
    first = int(gaps.argmax())
    return InputError(
        f"{what} holds {str(column.values[first])!r} for {np.count_nonzero(gaps)} of {len(column)} "
        f"samples, first for sample {first}: fill them in or leave these samples out, or say "
        "--task classes if that is a class."
    )


def _half_numbers(column: Column, what: str, told: ColumnEvidence) -> InputError:
    cells = texts(column)
    odd = _rows(cells, [not is_number(text) for text in cells.different])
    example = str(column.values[int(odd.argmax())])
    numbers = f"numbers in {told.numbers} of {told.rows} samples and " if told.numbers else ""
    return InputError(
        f"{what} holds {numbers}something else such as {example!r} in {np.count_nonzero(odd)}: "
        "leave a number alone there (or leave these samples out) to predict a quantity, or say "
        "--task classes if each text is a class."
    )


def _rows(cells: Texts, which: list[bool]) -> npt.NDArray[np.bool_]:
    """The rows [n] that hold one of these texts; no empty ones."""
    return np.array([*which, False])[cells.codes]
