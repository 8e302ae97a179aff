"""Data sets that give one sample at a time: of torch, and of Hugging Face."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from unalike.errors import InputError

from .array_inputs import as_array
from .pictures import Size, is_picture, stacked


class SampleSet(NamedTuple):
    """The samples of a torch data set."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    class_names: tuple[str, ...]  # what whole numbers in y stand for; empty where nobody says
    notes: list[str]
    channels: str  # "first" where x is known to have its channels first


def is_hugging_face(value: Any) -> bool:
    """Whether this is a `datasets.Dataset`, or anything else that offers its methods."""
    return all(hasattr(value, name) for name in ("features", "column_names", "to_pandas"))


def is_hugging_face_dict(value: Any) -> bool:
    """Whether this is a `datasets.DatasetDict`: several data sets by name."""
    return isinstance(value, dict) and bool(value) and all(map(is_hugging_face, value.values()))


def read_torch(samples: Any, resize: Size | None = None) -> SampleSet:
    """All samples of a `torch.utils.data.Dataset`, each a pair of input and class.

    Raises:
        InputError: samples that are no pairs, or of different shapes.
    """
    xs, ys = [], []
    for i, sample in enumerate(_each(samples)):
        if not isinstance(sample, tuple | list) or len(sample) != 2:
            raise InputError(
                f"Sample {i} of the data set is no pair (x, y) but "
                f"{type(sample).__name__}: give a data set of pairs, or arrays."
            )
        xs.append(sample[0])
        ys.append(sample[1])
    if not xs:
        raise InputError("The data set holds no samples.")
    y = as_array(ys if not isinstance(ys[0], torch.Tensor) else torch.stack(ys), "y")
    names = tuple(map(str, getattr(samples, "classes", ()) or ()))
    if y.dtype.kind not in "iub" or y.ndim != 1 or y.max() >= len(names):
        names = ()
    if is_picture(xs[0]):
        pictures, notes = stacked(((f"sample {i}", x) for i, x in enumerate(xs)), resize)
        return SampleSet(pictures, y, names, notes, "first")
    try:
        x = np.stack([as_array(one, "x") for one in xs])
    except ValueError:
        raise InputError(
            "The samples of the data set have different shapes; pad or crop them first."
        ) from None
    return SampleSet(x, y, names, [], "")


def _each(samples: Any) -> Any:
    if isinstance(samples, torch.utils.data.IterableDataset):
        return samples
    return (samples[i] for i in range(len(samples)))


def picture_column(dataset: Any) -> str:
    """The column of a Hugging Face data set that holds pictures; "" where none does."""
    found = [name for name, feature in dataset.features.items() if _is_picture(feature)]
    if len(found) > 1:
        raise InputError(
            f"The data set has pictures in {found[0]!r} and {found[1]!r}: keep one of them, as in "
            f"dataset.remove_columns({found[1]!r})."
        )
    return found[0] if found else ""


def _is_picture(feature: Any) -> bool:
    return type(feature).__name__ == "Image"


def hugging_face_pictures(
    dataset: Any, column: str, resize: Size | None
) -> tuple[npt.NDArray[Any], list[str]]:
    """The pictures of a column [n, channels, height, width]."""
    return stacked(
        ((f"{column} of row {i}", dataset[i][column]) for i in range(len(dataset))), resize
    )


def class_names_of(dataset: Any, column: str) -> tuple[str, ...]:
    """What the whole numbers of a column stand for; empty where nothing says so."""
    names = getattr(dataset.features.get(column), "names", None)
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()
