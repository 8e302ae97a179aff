"""Arrays, tensors and lists as numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unalike.errors import InputError


def as_array(value: Any, name: str) -> npt.NDArray[Any]:
    """Anything array-like as an array; half precision becomes single.

    Raises:
        InputError: its samples have different shapes.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        if value.is_sparse:
            value = value.to_dense()
        if value.dtype in (torch.float16, torch.bfloat16):
            value = value.float()
        return np.asarray(value.numpy())
    if isinstance(value, list | tuple) and value and isinstance(value[0], torch.Tensor):
        if len({one.shape for one in value}) > 1:
            raise _ragged(name)
        return as_array(torch.stack(list(value)), name)
    if hasattr(value, "toarray"):  # scipy's sparse tables
        value = value.toarray()
    try:
        return np.asarray(value)
    except ValueError:
        raise _ragged(name) from None


def samples_of(value: Any) -> npt.NDArray[Any]:
    """Numbers of each sample [n, ...]; a flat x [n] is one number a sample.

    Raises:
        InputError: no samples, or entries that are no numbers.
    """
    x = as_array(value, "x")
    if x.ndim == 0:
        raise InputError("x must be an array of samples [n, ...], not a single value.")
    if not len(x):
        raise InputError("There are no samples: x is empty.")
    if not x.size:
        raise InputError(f"The samples of x hold no numbers: its shape is {x.shape}.")
    if x.dtype.kind == "O":
        x = _numbers(x)
    if x.dtype.kind not in "biuf":
        raise InputError(
            "x holds entries that are no numbers: give a data frame, whose columns of text are "
            "encoded, or encode them as numbers."
        )
    if x.dtype == np.float16:
        x = x.astype(np.float32)
    if x.dtype == np.uint64:
        x = x.astype(np.int64 if x.max() < 2**63 else np.float64)
    return x[:, None] if x.ndim == 1 else x


def _numbers(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if any(isinstance(entry, str | bytes) for entry in x.flat):
        return x
    try:
        return x.astype(np.float64)
    except (TypeError, ValueError):
        return x


def _ragged(name: str) -> InputError:
    return InputError(
        f"{name} is not an array: its samples have different shapes; pad or crop them first."
    )
