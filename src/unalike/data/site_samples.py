"""The samples of one client, from a file or folder of its own: what a site of a federation holds.

    .npz               `x` [n, ...] and one array for each named column
    .csv, .parquet     every column that is not named is a feature
    folder             class/picture

Which number a class has, all clients must agree on; one of them may lack classes that others hold.
So classes are whole numbers already, or names that somebody has put in order for everybody.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError, unknown

from .arrays import as_arrays, check_labels
from .pictures import picture_files, read_pictures
from .sources.source import Arrays
from .tables import read_columns, read_features

CLIENT = "client"
"""The column that names the client wherever nobody says otherwise."""
MOST_NAMED = 5


class SiteSamples(NamedTuple):
    """Samples, and classes by their own names."""

    x: npt.NDArray[np.float32]  # [n, ...]
    y: npt.NDArray[Any]  # [n] whole numbers or text, or many labels [n, C]
    columns: tuple[str, ...] = ()  # names of the features, where they have any

    def fingerprint(self) -> str:
        """Of the features' names in their order; empty where they have none."""
        if not self.columns:
            return ""
        return hashlib.sha256("\0".join(self.columns).encode()).hexdigest()[:16]

    def to_arrays(self, classes: Sequence[str] | None) -> Arrays:
        """With the number that each class has for everybody: its place in `classes`.

        Without such a list classes must be numbers, which stay as they are.

        Raises:
            InputError: one sentence says which class has no number.
        """
        if self.y.ndim > 1:
            return as_arrays(self.x, self.y, classes=None if classes is None else len(classes))
        found, codes = np.unique(self.y, return_inverse=True)
        names = [str(name) for name in found]
        if classes is None:
            if self.y.dtype.kind == "U":
                raise InputError(
                    f"This site calls its classes {_listed(names)}: the study file must name all "
                    'classes in one order for all sites, as in classes = ["benign", "malignant"].'
                )
            return as_arrays(self.x, self.y, classes=max(int(self.y.max()) + 1, 1))
        strange = [name for name in names if name not in classes]
        if strange:
            raise InputError(
                f"This site holds the class {strange[0]!r}, but the study's classes are "
                f"{_listed(classes)}."
            )
        places = np.array([classes.index(name) for name in names], dtype=np.int64)
        return as_arrays(self.x, places[codes], classes=len(classes))


def read_site_samples(
    path: str | os.PathLike[str],
    *,
    label_column: str = "y",
    client_column: str | None = None,
    client: str = "",
) -> SiteSamples:
    """The samples of one client.

    client_column: where the file holds several clients, the column that names them; those samples
    are taken in which it says `client`.

    Raises:
        InputError: one sentence says what to change.
    """
    place = Path(path)
    if place.is_dir():
        if client_column is not None:
            raise InputError(
                f"{place} is a folder, which has no column {client_column!r}: give the folder of "
                "this site's pictures without --client-column."
            )
        return _pictures(place)
    if not place.exists():
        raise InputError(f"There is no file or folder {place}.")
    named = [label_column] if client_column is None else [label_column, client_column]
    columns = read_columns(place, named)
    if client_column is None and CLIENT in columns:
        _refuse_several(place, columns[CLIENT])
        named.append(CLIENT)
    x, y = read_features(place, columns, named), check_labels(columns[label_column], label_column)
    whose = None if client_column is None else columns[client_column]
    names = () if place.suffix == ".npz" else tuple(c for c in columns if c not in named)
    held = as_arrays(x, np.zeros(len(y), np.int64) if y.ndim == 1 else y, whose)
    if held.client is None:
        return SiteSamples(held.x, y, names)
    mine = held.client.astype(str) == client
    if not mine.any():
        raise InputError(
            f"No sample of {place} has this site's name in column {client_column!r}. "
            f"{unknown('client', client, np.unique(held.client.astype(str)).tolist())}"
        )
    return SiteSamples(held.x[mine], y[mine], names)


def _pictures(folder: Path) -> SiteSamples:
    files = picture_files(folder, "*/*")
    if not files:
        deeper = picture_files(folder, "*/*/*")
        if deeper:
            raise InputError(
                f"{folder} holds the pictures of several clients: give this site's own folder, "
                f"such as {deeper[0].parent.parent}."
            )
        raise InputError(
            f"{folder} holds no pictures: they must lie in folders of their classes, as in "
            f"{folder / 'healthy' / '1.png'}."
        )
    return SiteSamples(read_pictures(files), np.array([file.parent.name for file in files]))


def _refuse_several(place: Path, column: npt.NDArray[Any]) -> None:
    names = np.unique(column.astype(str))
    if len(names) > 1:
        raise InputError(
            f"{place} holds samples of {len(names)} clients: say --client-column {CLIENT} to take "
            "those with this site's name, or give this site a file of its own."
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:MOST_NAMED]))
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown
