"""Samples of several clients from files: npz, csv, parquet, or a folder of pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError
from unalike.tasks import AUTO

from .arrays import as_arrays
from .pictures import picture_files, read_pictures
from .sources.source import Arrays
from .tables import read_columns, read_features


class ClientFiles(NamedTuple):
    """What the files hold."""

    arrays: Arrays
    time: npt.NDArray[Any] | None  # [n]: when each sample was taken


def read_client_files(
    path: str | os.PathLike[str],
    *,
    client_column: str = "client",
    label_column: str = "y",
    time_column: str | None = None,
    task: str = AUTO,
) -> ClientFiles:
    """Samples, what is asked of them, and clients from a file or folder.

    npz: arrays `x` [n, ...], and one for each column named here. csv, parquet: every column that
    is not named here is a feature. Folder: client/class/picture; pictures become numbers in
    [0, 1]. Classes may be numbers or names; they are numbered in the natural order of their names.
    What is asked follows from the task, or under "auto" from the column by rule.

    Raises:
        InputError: one sentence says what to change.
    """
    place = Path(path)
    if place.is_dir():
        return _pictures(place, task)
    if not place.exists():
        raise InputError(f"There is no file or folder {place}, and no data set of that name.")
    named = [client_column, label_column, *([time_column] if time_column else [])]
    columns = read_columns(place, named)
    x = read_features(place, columns, named)
    arrays = as_arrays(
        x, columns[label_column], columns[client_column], task=task, name=label_column
    )
    time = columns[time_column] if time_column else None
    if time is not None and time.shape != arrays.y.shape[:1]:
        raise InputError(
            f"{time_column} must hold one time a sample: {len(arrays.y)}, not {time.shape}."
        )
    return ClientFiles(_with_several_clients(arrays, place), time)


def _with_several_clients(arrays: Arrays, place: Path) -> Arrays:
    if arrays.client is not None and len(np.unique(arrays.client)) < 2:
        raise InputError(
            f"All samples of {place} belong to one client, {str(arrays.client[0])!r}: at least "
            "two are needed."
        )
    return arrays


def _pictures(folder: Path, task: str) -> ClientFiles:
    """client/class/picture; a client may lack a class."""
    files = picture_files(folder, "*/*/*")
    if not files:
        raise InputError(
            f"{folder} holds no pictures: they must lie in folders client/class, as in "
            f"{folder / 'north' / 'healthy' / '1.png'}."
        )
    images = read_pictures(files)
    y = np.array([file.parent.name for file in files])
    client = np.array([file.parent.parent.name for file in files])
    arrays = as_arrays(images, y, client, task="classes" if task == AUTO else task)
    return ClientFiles(_with_several_clients(arrays, folder), None)
