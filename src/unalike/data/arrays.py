"""A user's own data, checked and brought into the form of a data set."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unalike.errors import InputError
from unalike.tasks import AUTO, read, task_named
from unalike.tasks.classes import Classes
from unalike.tasks.labels import Labels
from unalike.tasks.values import whole

from .sources.source import TRAIN, Arrays, parts
from .subjects import Subjects

_ENCODE = "give whole numbers 0..C-1, for example np.unique(y, return_inverse=True)[1]"


def as_arrays(
    x: Any,
    y: Any,
    client: Any = None,
    classes: int | None = None,
    task: str = AUTO,
    *,
    subject: Any = None,
    name: str = "y",
) -> Arrays:
    """Arrays from arrays, tensors, lists or data frame columns: x [n, ...], y [n], client [n],
    subject [n].

    A flat x [n] counts as n samples of one number. With `classes` y must be classes 0..C-1, or
    zeros and ones [n, C]; else it is read as the task has it. name: of y, for messages.

    Raises:
        InputError: numbers that are not finite, y that does not fit the task, different lengths.
    """
    samples = _samples(x)
    if classes is None:
        count = len(y) if hasattr(y, "__len__") else 0
        _same_length(len(samples), count)
        found, values, text = read(
            y, task, name=name, x_shape=samples.shape[1:] if whole(samples) else ()
        )
    else:
        values = _labels(y)
        _same_length(len(samples), len(values))
        _check_range(values, classes)
        kind = (Classes if values.ndim == 1 else Labels).name if task == AUTO else task
        found, text = task_named(kind).of(classes, values.shape[1:]), ""
    column = None if client is None else _column(client, len(samples), "client")
    subjects = None
    if subject is not None:
        named = _column(subject, len(samples), "subject")
        subjects = Subjects(named.astype(str), "subject")
    return Arrays(
        samples,
        values,
        found.outputs[-1],
        column,
        parts(len(samples), values=(TRAIN,)),
        task=found.name,
        class_names=found.class_names,
        notes=(text,) if text else (),
        subjects=subjects,
    )


def _same_length(samples: int, labels: int) -> None:
    if samples != labels:
        raise InputError(
            f"x and y must have the same length, but x has {samples} samples and y {labels} labels."
        )
    if not samples:
        raise InputError("There are no samples: x and y are empty.")


def _array(value: Any, name: str) -> npt.NDArray[Any]:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return (value.float() if value.is_floating_point() else value).numpy()
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InputError(
            f"{name} is not an array: its samples have different shapes; pad or crop them first."
        ) from error


def _samples(x: Any) -> npt.NDArray[np.float32]:
    array = _array(x, "x")
    if array.ndim == 0:
        raise InputError("x must be an array of samples [n, ...], not a single value.")
    try:
        if array.dtype.kind not in "biufO":
            raise TypeError(f"{array.dtype} is no type of numbers")
        with np.errstate(over="ignore"):
            samples = np.ascontiguousarray(array, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError("x holds entries that are no numbers: encode them as numbers.") from error
    finite = np.isfinite(samples).all(axis=tuple(range(1, samples.ndim)))
    if not finite.all():
        raise InputError(
            f"x holds NaN or infinite values in {np.count_nonzero(~finite)} of {len(samples)} "
            f"samples, first in sample {finite.argmin()}: fill them in or leave these samples out."
        )
    return samples[:, None] if samples.ndim == 1 else samples


def _labels(y: Any) -> npt.NDArray[Any]:
    """Classes [n] int64, or many labels [n, C] float32."""
    array = _array(y, "y")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2):
        raise InputError(f"y must be [n] or [n, labels], but its shape is {array.shape}.")
    if array.size and (array.dtype.kind in "SU" or isinstance(array.flat[0], str)):
        raise InputError(f"y holds text such as {str(array.flat[0])!r}: {_ENCODE}.")
    try:
        numbers = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"y holds entries that are no numbers: {_ENCODE}.") from error
    if array.ndim == 2:
        if not np.isin(numbers, (0, 1)).all():
            raise InputError("y with many labels a sample must hold only zeros and ones.")
        return numbers.astype(np.float32)
    whole = (np.abs(numbers) < 2**53) & (numbers == np.floor(numbers))
    if not whole.all():
        raise InputError(f"y holds {numbers[whole.argmin()]}, which is no class: {_ENCODE}.")
    return numbers.astype(np.int64)


def _check_range(labels: npt.NDArray[Any], classes: int) -> None:
    """Raise InputError where a label is not among C classes."""
    if labels.ndim == 2:
        if classes != labels.shape[1]:
            raise InputError(f"y has {labels.shape[1]} labels a sample, but classes={classes}.")
        return
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= classes:
        raise InputError(
            f"Labels must be from 0 to {classes - 1}, but y holds "
            f"{lowest if lowest < 0 else highest}."
        )


def _column(names: Any, samples: int, what: str) -> npt.NDArray[Any]:
    """Whose each sample is: integers as they are, everything else as text."""
    column = _array(names, what)
    if column.shape != (samples,):
        raise InputError(
            f"{what} must name one {what} a sample: {samples} names, but its shape is "
            f"{column.shape}."
        )
    missing = _missing(column)
    if missing.any():
        raise InputError(f"{what} names nobody for sample {missing.argmax()}: fill in every name.")
    return column if column.dtype.kind in "iu" else column.astype(str)


def _missing(column: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    import pandas

    return np.asarray(pandas.isna(column))
