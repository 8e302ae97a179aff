"""A user's own files: npz, csv, parquet, or a folder of images, with the client of each sample."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError, unknown

from .own import numbered, own_arrays
from .sources.source import Arrays

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
TABLES = (".csv", ".parquet")


class OwnFiles(NamedTuple):
    """What the files hold."""

    arrays: Arrays
    time: npt.NDArray[Any] | None  # [n]: when each sample was taken
    labels: tuple[str, ...] | None  # the names of the classes; None for many labels a sample


def read_own(
    path: str | os.PathLike[str],
    *,
    client_column: str = "client",
    label_column: str = "y",
    time_column: str | None = None,
) -> OwnFiles:
    """Samples, classes and clients from a file or folder.

    npz: arrays `x` [n, ...], and one for each column named here. csv, parquet: every column that
    is not named here is a feature. Folder: client/class/picture; pictures become numbers in
    [0, 1]. Classes may be numbers or names; they are numbered in the order of their names.

    Raises:
        InputError: one sentence says what to change.
    """
    place = Path(path)
    if place.is_dir():
        return _pictures(place)
    if not place.exists():
        raise InputError(f"There is no file or folder {place}, and no data set of that name.")
    named = [client_column, label_column, *([time_column] if time_column else [])]
    columns = read_columns(place, named)
    x = features(place, columns, named)
    y, labels = numbered(columns[label_column], label_column)
    arrays = own_arrays(x, y, columns[client_column])
    time = columns[time_column] if time_column else None
    if time is not None and time.shape != arrays.y.shape[:1]:
        raise InputError(
            f"{time_column} must hold one time a sample: {len(arrays.y)}, not {time.shape}."
        )
    return OwnFiles(_compared(arrays, place), time, labels)


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


def features(
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


def _compared(arrays: Arrays, place: Path) -> Arrays:
    if arrays.client is not None and len(np.unique(arrays.client)) < 2:
        raise InputError(
            f"All samples of {place} belong to one client, {str(arrays.client[0])!r}: at least "
            "two are needed."
        )
    return arrays


def _pictures(folder: Path) -> OwnFiles:
    """client/class/picture; a client may lack a class."""
    files = picture_files(folder, "*/*/*")
    if not files:
        raise InputError(
            f"{folder} holds no pictures: they must lie in folders client/class, as in "
            f"{folder / 'north' / 'healthy' / '1.png'}."
        )
    images = read_pictures(files)
    classes = sorted({file.parent.name for file in files})
    y = np.array([classes.index(file.parent.name) for file in files])
    client = np.array([file.parent.parent.name for file in files])
    arrays = own_arrays(images, y, client)
    return OwnFiles(_compared(arrays, folder), None, tuple(classes))


def picture_files(folder: Path, pattern: str) -> list[Path]:
    """The pictures below a folder, in order."""
    return sorted(
        file
        for file in folder.glob(pattern)
        if file.suffix.lower() in (*PICTURES, ".npy") and not file.name.startswith(".")
    )


def read_pictures(files: Sequence[Path]) -> npt.NDArray[np.float32]:
    """Pictures of one size: [n, channels, height, width].

    Raises:
        InputError: one of them cannot be read, or is of another size.
    """
    images = [_picture(file) for file in files]
    for file, image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            raise InputError(
                f"The pictures are of two sizes: {files[0]} is {_size(images[0])}, {file} is "
                f"{_size(image)}: bring them to one size first."
            )
    return np.stack(images)


def _picture(file: Path) -> npt.NDArray[np.float32]:
    """[channels, height, width]; numbers of 8 or 16 bits become numbers in [0, 1]."""
    decoded = _load if file.suffix == ".npy" else _decoder(file)
    try:
        values = decoded(file)
    except (OSError, ValueError, EOFError):
        raise InputError(f"{file} is no picture that can be read.") from None
    if values.ndim not in (2, 3):
        raise InputError(f"{file} must be [height, width] or with colours, not {values.shape}.")
    scale = np.float32(np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1)
    image: npt.NDArray[np.float32] = values.astype(np.float32) / scale
    return image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)


def _load(file: Path) -> npt.NDArray[Any]:
    return np.load(file, allow_pickle=False)


def _decoder(file: Path) -> Callable[[Path], npt.NDArray[Any]]:
    try:
        pillow = import_module("PIL.Image")
    except ImportError:
        raise InputError(
            f"Reading {file} needs Pillow: pip install 'unalike[images]', or save the pictures as "
            ".npy."
        ) from None

    def decoded(file: Path) -> npt.NDArray[Any]:
        with pillow.open(file) as image:
            if image.mode[0] in "IF":
                return np.asarray(image)
            return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))

    return decoded


def _size(image: npt.NDArray[np.float32]) -> str:
    channels, height, width = image.shape
    return f"{height} x {width}" + (f" with {channels} colours" if channels > 1 else "")
