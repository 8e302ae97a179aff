"""Names in the order in which people count: 2 before 10, north before south."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_DIGITS = re.compile(r"([0-9]+)")


def in_natural_order(names: Iterable[str]) -> list[str]:
    """Names sorted: numbers by their value, digits inside other names by theirs."""
    given = list(names)
    if all(_NUMBER.fullmatch(name) for name in given):
        return sorted(given, key=lambda name: (Fraction(name), name))
    return sorted(given, key=lambda name: (_parts(name), name))


def _parts(name: str) -> list[tuple[int, int, str]]:
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part.casefold())
        for part in _DIGITS.split(name)
        if part
    ]


def in_order(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Names [n] as their places [n] among the different ones, and these in natural order.

    Whole numbers are named by their digits, also where their type has decimals.
    """
    if values.dtype.kind == "f":
        values = values.astype(np.int64)
    if values.dtype.kind not in "biu":
        values = values.astype(np.str_)
    found, codes = np.unique(values, return_inverse=True)
    names = found.astype(np.str_).tolist()
    ordered = in_natural_order(names)
    place = {name: i for i, name in enumerate(ordered)}
    return np.array([place[name] for name in names], np.int64)[codes], tuple(ordered)
