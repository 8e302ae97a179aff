"""Identity is text: the names of clients, classes and groups, exactly as they were written."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.data.preprocessing.cells import text_of
from unalike.data.preprocessing.table import Column
from unalike.errors import InputError


def names_of(column: Column, what: str) -> tuple[npt.NDArray[np.str_], list[str]]:
    """One name a sample [n], and what must be said.

    Text is taken to the letter: 007, 07 and 7 are three names, NA and None are names. Whole
    numbers are named by their digits, also where gaps elsewhere have made them 7.0.

    Raises:
        InputError: a sample without a name, or a number with decimals.
    """
    import pandas as pd

    codes, different = pd.factorize(column.values, use_na_sentinel=True)
    if column.gaps is not None:
        codes = np.where(column.gaps, -1, codes)
    names = [text_of(value) for value in different]
    blank = np.array([not name.strip() for name in names] or [True])
    empty = (codes < 0) | blank[codes]
    if empty.any():
        raise InputError(
            f"{what} names nothing for {np.count_nonzero(empty)} of {len(column)} samples, first "
            f"for sample {empty.argmax()}: fill them in or leave these samples out."
        )
    fractions = [value for value in different if isinstance(value, float | np.floating)]
    parted = [value for value in fractions if not float(value).is_integer()]
    if parted:
        raise InputError(f"{what} holds {parted[0]}, which is no name: give whole numbers or text.")
    notes = []
    if fractions and column.values.dtype.kind == "f":
        notes.append(f"{what} holds numbers such as {fractions[0]}: named {names[0]!r}.")
    notes += _near(names, what)
    return np.array(names)[codes], notes


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
