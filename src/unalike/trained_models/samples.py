"""From the rows that people bring to the numbers that a model was trained on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.data.preprocessing.preprocessing import from_dict
from unalike.data.preprocessing.table import Table
from unalike.data.preprocessing.table_preprocessing import TablePreprocessing
from unalike.data.reading.array_inputs import samples_of
from unalike.data.reading.inputs import source_of
from unalike.data.reading.roles import Source
from unalike.errors import InputError
from unalike.study.model_description import ModelDescription

NO_ROLES: dict[str, Any] = dict.fromkeys(("label", "client", "time", "group", "subject"))
SHOWN = 5


def read_rows(rows: Any) -> Source:
    """Rows from a file, a data frame, an array or whatever else `unalike.data.reading` reads.

    Raises:
        InputError: they cannot be read.
    """
    return source_of(rows, NO_ROLES, None, layout="", decimal="")[0]


def prepared_samples(description: ModelDescription, rows: Any, *, prepared: bool = False) -> Tensor:
    """x [n, ...] as the network takes it, from raw rows.

    prepared: the rows are what the network takes already.

    Raises:
        InputError: these are not the rows that the model was trained on; the sentence says why.
    """
    source = rows if isinstance(rows, Source) else read_rows(rows)
    if description.prepared and not prepared:
        raise InputError(
            f"The samples that {description.label} was trained on were turned into numbers by what "
            "was learned from them, which this model does not hold: give x as the network takes "
            "it, with prepared=True."
        )
    fitted = None
    if description.preprocessing is not None and not prepared:
        fitted = from_dict(description.preprocessing)
    if isinstance(fitted, TablePreprocessing):
        table = _table(source, fitted)
        x: NDArray[Any] = fitted.transform(table)
        for sentence in fitted.range_sentences(table):
            warnings.warn(sentence, stacklevel=2)
    else:
        x = _array(source, description.shape)
        if fitted is not None:
            x = fitted.transform(x)
    if not np.isfinite(x).all():
        first = int(np.argmin(np.isfinite(x).reshape(len(x), -1).all(1)))
        raise InputError(f"Sample {first} holds NaN or infinite values: fill them in.")
    return torch.from_numpy(np.ascontiguousarray(x)).to(getattr(torch, description.samples))


def _table(source: Source, fitted: TablePreprocessing) -> Table:
    if not isinstance(source.x, Table):
        names = [encoder.name for encoder in fitted.encoders]
        raise InputError(
            f"The model takes a table with the columns {listed(names)}: give a data frame or a "
            "file with a header, not an array."
        )
    missing = [e.name for e in fitted.encoders if e.name not in source.x.names]
    if missing:
        raise InputError(
            f"These rows lack the column{'s' if len(missing) > 1 else ''} {listed(missing)}, "
            f"which the model was trained on; they have {listed(list(source.x.names))}."
        )
    return source.x


def _array(source: Source, shape: tuple[int, ...]) -> NDArray[Any]:
    """Samples [n, ...]; pictures with their channels last, or grey ones without, are turned."""
    if isinstance(source.x, Table):
        raise InputError(
            "The model was trained on arrays without names of columns: give an array x [n, ...], "
            "such as frame[columns].to_numpy()."
        )
    x = samples_of(source.x)
    if x.shape[1:] == shape:
        return x
    if x.ndim == 4 and (x.shape[-1], *x.shape[1:-1]) == shape:
        return np.moveaxis(x, -1, 1)
    if x.ndim == 3 and (1, *x.shape[1:]) == shape:
        return x[:, None]
    raise InputError(
        f"These samples have the shape {tuple(x.shape[1:])}, and the model takes {shape}."
    )


def listed(names: list[str]) -> str:
    """The first of these names, and how many more there are."""
    shown = ", ".join(map(repr, names[:SHOWN]))
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
