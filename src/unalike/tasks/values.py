"""The values that are asked for, before a task reads them: arrays without gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unalike.errors import InputError

Array = NDArray[Any]


def values_of(y: Any, name: str) -> Array:
    """y [n, ...] as an array; one column [n, 1] is flat, a record (event, time) is two columns.

    Raises:
        InputError: no samples, samples of different shapes, or a sample without a value.
    """
    if isinstance(y, torch.Tensor):
        y = y.detach().cpu().numpy()
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise InputError(f"The samples of {name} have different shapes; pad them first.") from error
    if array.dtype.names is not None:
        array = _record(array, name)
    if array.ndim == 0 or not len(array):
        raise InputError(f"There are no samples: {name} is empty.")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    missing = _absent(array).reshape(len(array), -1).any(1)
    if missing.any():
        raise InputError(
            f"{name} has no value for {missing.sum()} of {len(array)} samples, first for sample "
            f"{missing.argmax()}: fill them in or leave these samples out."
        )
    return array


def _absent(array: Array) -> NDArray[np.bool_]:
    """Where an array has no value, as pandas sees it; only mixed entries need pandas itself."""
    if array.dtype.kind in "fc":
        return np.isnan(array)
    if array.dtype.kind in "mM":
        return np.isnat(array)
    if array.dtype.kind != "O":
        return np.zeros(array.shape, np.bool_)
    import pandas as pd

    return np.asarray(pd.isna(array))


def numbers_of(y: Any, name: str) -> NDArray[np.float64]:
    """`values_of` as finite numbers.

    Raises:
        InputError: an entry that is no number, or an infinite one.
    """
    array = values_of(y, name)
    try:
        numbers = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} holds entries that are no numbers: if they are classes, say --task classes."
        ) from error
    finite = np.isfinite(numbers).reshape(len(numbers), -1).all(1)
    if not finite.all():
        raise InputError(f"{name} is infinite for sample {finite.argmin()}: leave it out.")
    return numbers


def whole(numbers: Array) -> bool:
    """Whether all are whole numbers."""
    return numbers.dtype.kind in "iub" or bool((numbers == np.floor(numbers)).all())


def _record(array: Array, name: str) -> Array:
    fields = array.dtype.names or ()
    events = [field for field in fields if array.dtype[field].kind == "b"]
    if len(fields) != 2 or len(events) != 1:
        raise InputError(
            f"{name} holds records of {', '.join(fields)}: give an array, or records of one time "
            "and one event that is true or false."
        )
    time = next(field for field in fields if field != events[0])
    return np.stack([array[time].astype(np.float64), array[events[0]].astype(np.float64)], 1)
