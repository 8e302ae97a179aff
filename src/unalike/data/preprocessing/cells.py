"""What the cells of a column say, as text and as numbers."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError

from .table import Column

Objects = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

MARKS = frozenset(
    ("na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", "--", ".", "nd", "n.d.")
)
"""What stands for a missing number, date or answer, in small letters; a name it is elsewhere."""

YES = frozenset(("yes", "y", "true", "t", "1", "1.0", "ja", "oui", "si", "sí", "on"))
NO = frozenset(("no", "n", "false", "f", "0", "0.0", "nein", "non", "off"))

_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|infinity)", re.IGNORECASE
)
_WHOLE = re.compile(r"[+-]?[0-9]+")
_WITH_UNIT = re.compile(
    r"[+-]?[0-9]+(?:[.,][0-9]+)?\s*(?:%|[€$£¥]|\s[^\W\d_][^\W_]{0,5}(?:/[^\W\d_]{1,5})?)"
    r"|[€$£¥]\s?[0-9][0-9.,]*|[<>]=?\s*[0-9]+(?:[.,][0-9]+)?"
)
EXACT = 2**53
"""Up to here every whole number is a float64 of its own."""
_LONG = np.iinfo(np.int64)


class Texts(NamedTuple):
    """The different texts of a column and which of them each cell holds."""

    codes: npt.NDArray[np.int64]  # [n]: a place in `different`; -1 for an empty cell
    different: list[str]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many cells hold each of them: [number of different texts]."""
        full = self.codes[self.codes >= 0]
        return np.bincount(full, minlength=len(self.different)).astype(np.int64)


class Numbers(NamedTuple):
    """The cells of a column as numbers."""

    values: npt.NDArray[Any]  # [n] int64 where all are whole and fit, else float64; 0 where missing
    missing: Mask  # [n]
    odd: Mask  # [n]: cells that hold something that is no number; these count as missing too


def text_of(value: Any) -> str:
    """A value as the text that names it: a whole number without its decimals, text as it is."""
    if type(value) is str:
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def texts(column: Column) -> Texts:
    """The cells as text; None, NaN and blanks are empty cells."""
    import pandas as pd

    held = slice(None) if column.gaps is None else ~column.gaps
    try:
        found, different = pd.factorize(column.values[held], use_na_sentinel=True)
    except TypeError:
        raise InputError(
            f"Column {column.name!r} holds lists or other objects in its cells: give numbers or "
            "text, one value a cell."
        ) from None
    codes = np.full(len(column), -1, np.int64)
    codes[held] = found
    names = [text_of(value) for value in different]
    place: dict[str, int] = {}
    moved = np.array(
        [place.setdefault(name, len(place)) if name.strip() else -1 for name in names] or [-1],
        np.int64,
    )
    return Texts(np.where(codes >= 0, moved[codes], -1), list(place))


def is_mark(text: str) -> bool:
    """Whether this text stands for a missing value in a column of numbers."""
    return text.strip().lower() in MARKS


def is_number(text: str) -> bool:
    """Whether this text is a number written with a decimal point, or infinity."""
    return _NUMBER.fullmatch(text.strip()) is not None


def is_whole(text: str) -> bool:
    """Whether this text is a whole number written without decimals."""
    return _WHOLE.fullmatch(text.strip()) is not None


def is_code(text: str) -> bool:
    """Whether this text is a number whose leading zeros say that it is a name."""
    bare = text.strip()
    return bare[:1] == "0" and len(bare) > 1 and bare.isdigit()


def is_answer(text: str) -> bool:
    """Whether this text says yes or no."""
    word = text.strip().lower()
    return word in YES or word in NO


def has_unit(text: str) -> bool:
    """Whether this text is a number with a unit, a currency or a bound beside it."""
    return _WITH_UNIT.fullmatch(text.strip()) is not None


def as_whole(text: str) -> int | None:
    """The whole number that this text is, however it is written."""
    if is_whole(text):
        return int(text)
    value = float(text)
    return int(value) if math.isfinite(value) and value.is_integer() else None


def numbers(column: Column) -> Numbers:
    """The cells as numbers; missing marks count as missing, anything else as odd."""
    kind = column.values.dtype.kind
    nowhere = np.zeros(len(column), np.bool_)
    if kind in "iub":
        missing = nowhere if column.gaps is None else column.gaps
        values = np.where(missing, 0, column.values)
        if kind == "u" and values.size and values.max() > _LONG.max:
            return Numbers(values.astype(np.float64), missing, nowhere)
        return Numbers(values.astype(np.int64), missing, nowhere)
    if kind == "f":
        missing = np.isnan(column.values)
        return Numbers(_whole_if_exact(np.where(missing, 0, column.values)), missing, nowhere)
    return _parsed(texts(column))


def _whole_if_exact(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Floats as int64 where each is a whole number that a float holds exactly."""
    wide = values.astype(np.float64)
    exact = bool(((np.abs(wide) <= EXACT) & (wide == np.floor(wide))).all())
    return wide.astype(np.int64) if exact else wide


class Parsed(NamedTuple):
    """Different texts as numbers."""

    fits: Mask  # [n]: which are numbers
    values: npt.NDArray[np.float64]  # [n]; 0 where none
    whole: list[int | None]  # [n]: the exact whole number that a text is, if it is one


def parsed(different: list[str]) -> Parsed:
    """Texts as numbers with a decimal point, correctly rounded; whole numbers exactly."""
    import pandas as pd

    if not different:
        return Parsed(np.zeros(0, np.bool_), np.zeros(0), [])
    given = np.array(different, dtype=object)
    guess = np.asarray(pd.to_numeric(given, errors="coerce"), np.float64)
    fits = np.isfinite(guess)
    for place in np.flatnonzero(~fits):
        fits[place] = is_number(different[place])  # too large for a float, but a number
    values = np.zeros(len(given))
    values[fits] = given[fits].astype(np.str_).astype(np.float64)
    whole: list[int | None] = [None] * len(given)
    with np.errstate(invalid="ignore"):
        near = fits & (np.abs(values) < EXACT) & (values == np.floor(values))
    for place in np.flatnonzero(near):
        whole[place] = int(values[place])
    for place in np.flatnonzero(fits & (np.abs(values) >= EXACT)):
        whole[place] = as_whole(different[place].strip())
    return Parsed(fits, values, whole)


def _parsed(cells: Texts) -> Numbers:
    found = parsed(cells.different)
    held = [number for number, fit in zip(found.whole, found.fits, strict=True) if fit]
    if all(number is not None and _LONG.min <= number <= _LONG.max for number in held):
        values: npt.NDArray[Any] = np.array([*(n or 0 for n in found.whole), 0], np.int64)
    else:
        values = np.append(found.values, 0)
    fits = np.append(found.fits, False)
    empty = cells.codes < 0
    missing = empty | ~fits[cells.codes]
    strange = np.array(
        [not fit and not is_mark(t) for t, fit in zip(cells.different, found.fits, strict=True)]
        + [False]
    )
    odd = missing & ~empty & strange[cells.codes]
    return Numbers(np.where(missing, 0, values[cells.codes]), missing, odd)


def answers(column: Column) -> Numbers:
    """The cells of a yes/no column as 1 and 0."""
    cells = texts(column)
    words = [text.strip().lower() for text in cells.different]
    value = np.array([word in YES for word in words] or [False])
    known = np.array([word in YES or word in NO for word in words] or [False])
    marks = np.array([is_mark(word) for word in words] or [False])
    empty = cells.codes < 0
    missing = empty | ~known[cells.codes]
    odd = missing & ~empty & ~marks[cells.codes]
    return Numbers(np.where(missing, 0, value[cells.codes]).astype(np.int64), missing, odd)
