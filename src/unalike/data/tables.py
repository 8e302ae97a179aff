"""Columns of samples from npz, csv and parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError, unknown

TABLES = (".csv", ".parquet")


def read_columns(place: Path, named: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """The columns of a table, or the arrays of an npz file; those `named` are among them.

    Raises:
        InputError: the file cannot be read, or lacks one of these.
    """
    columns = _npz(place) if place.suffix == ".npz" else _table(place)
    for column in named:
        if column not in columns:
            raise _missing(place, column, columns)
        if not columns[column].size:
            raise InputError(f"{place} holds no rows.")
    return columns


def read_features(
    place: Path, columns: dict[str, npt.NDArray[Any]], named: Sequence[str]
) -> npt.NDArray[Any]:
    """The samples: `x` of an npz file, of a table all columns but those `named` side by side.

    Raises:
        InputError: there are none, or they are no numbers.
    """
    others = {key: values for key, values in columns.items() if key not in named}
    if place.suffix != ".npz":
        return _numbers(place, others)
    if "x" not in others:
        raise _missing(place, "x", columns)
    return others["x"]


def _npz(place: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with place.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, BadZipFile) as error:
        raise InputError(f"{place} cannot be read as npz: {error}") from None


def _table(place: Path) -> dict[str, npt.NDArray[Any]]:
    import pandas as pd

    if place.suffix not in TABLES:
        raise InputError(
            f"{place} is of no known kind: give a .npz, .csv or .parquet file, or a folder."
        )
    try:
        frame = pd.read_csv(place) if place.suffix == ".csv" else pd.read_parquet(place)
    except ImportError:
        raise InputError(
            f"Reading {place} needs pyarrow: pip install 'unalike[parquet]', or save the table as "
            "csv."
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{place} cannot be read: {error}") from None
    return {str(name): frame[name].to_numpy() for name in frame.columns}


def _numbers(place: Path, found: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """All features side by side: [n, features]."""
    if not found:
        raise InputError(f"{place} holds no feature: every column is a client, label or time.")
    for name, values in found.items():
        if values.dtype.kind not in "biuf":
            raise InputError(
                f"Column {name!r} of {place} holds text: encode it as numbers or leave it out."
            )
        gaps = ~np.isfinite(values.astype(np.float64))
        if gaps.any():
            raise InputError(
                f"Column {name!r} of {place} holds NaN or infinite values in {gaps.sum()} of "
                f"{len(gaps)} rows, first in row {gaps.argmax()}: fill them in or leave these "
                "rows out."
            )
    return np.column_stack(list(found.values()))


def _missing(place: Path, column: str, columns: dict[str, Any]) -> InputError:
    error = unknown("column", column, columns)
    return InputError(f"{place} has no column {column!r}. {error}")
