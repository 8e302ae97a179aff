"""Identity is text: the names of clients, classes and groups, exactly as they were written."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.data.preprocessing.cells import texts
from unalike.data.preprocessing.table import Column
from unalike.errors import InputError


def names_of(column: Column, what: str) -> tuple[npt.NDArray[np.str_], list[str]]:
    """One name a sample [n], and what must be said.

    Text is taken to the letter: 007, 07 and 7 are three names, NA and None are names. Whole
    numbers are named by their digits, also where gaps elsewhere have made them 7.0.

    Raises:
        InputError: a sample without a name, or a number with decimals.
    """
    found = texts(column)
    empty = found.codes < 0
    if empty.any():
        raise InputError(
            f"{what} names nothing for {np.count_nonzero(empty)} of {len(column)} samples, first "
            f"for sample {empty.argmax()}: fill them in or leave these samples out."
        )
    names = found.different
    _refuse_fractions(column, what)
    notes = _near(names, what)
    if column.values.dtype.kind == "f":
        notes.append(
            f"{what} holds {column.values[0]}, named {names[found.codes[0]]!r}, and so on."
        )
    return np.array(names)[found.codes], notes


def _refuse_fractions(column: Column, what: str) -> None:
    if column.values.dtype.kind not in "fO":
        return
    for value in column.values:
        if isinstance(value, float | np.floating) and not float(value).is_integer():
            raise InputError(f"{what} holds {value}, which is no name: give whole numbers or text.")


def _near(names: list[str], what: str) -> list[str]:
    """Names that differ in blanks or in capitals alone are probably one, but stay two."""
    seen: dict[str, str] = {}
    for name in dict.fromkeys(names):
        folded = " ".join(name.split()).casefold()
        if folded in seen:
            return [
                f"{what} holds {seen[folded]!r} and {name!r}, which differ in blanks or capitals "
                "alone: they count as two."
            ]
        seen[folded] = name
    return []


def as_column(values: Any, name: str) -> Column:
    """One value a sample, from an array, list, tensor or series, as a column [n].

    Raises:
        InputError: it is not one value a sample.
    """
    import pandas as pd
    import torch

    from .frames import series_column

    if isinstance(values, pd.Series):
        return series_column(values, name)
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(
            f"{name} must hold one value a sample [n], but its shape is {array.shape}."
        )
    return Column(name, array)
