"""Every form in which samples come: files, folders, frames, arrays, data sets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unalike.data.preprocessing.table import Table
from unalike.errors import InputError

from .array_inputs import as_array
from .encoding import PACKED
from .frames import as_pandas, frame_table, is_frame
from .npz_files import read_npz
from .picture_folders import picture_files, read_folder
from .pictures import Size, read_pictures
from .roles import Source
from .sample_sets import (
    class_names_of,
    hugging_face_pictures,
    is_hugging_face,
    is_hugging_face_dict,
    picture_column,
    read_torch,
)
from .site_inputs import (
    check_no_pattern,
    is_frames,
    is_pairs,
    one_a_client,
    pairs,
    table_files,
)
from .table_files import TYPED, read_typed_table
from .text_files import read_text_table

TEXT = (".csv", ".tsv", ".tab", ".txt")
SHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
KNOWN = "a .csv, .tsv, .parquet, .feather, .arrow or .npz file, or a folder of pictures"


def source_of(
    source: Any,
    roles: dict[str, Any],
    size: Size | None,
    *,
    layout: str,
    decimal: str,
    drop: Sequence[str] = (),
) -> tuple[Source, dict[str, Any]]:
    """What a source holds, and the roles with those that it gives itself.

    drop: columns that not every client's part needs to have.

    Raises:
        InputError: one sentence says what to change.
    """
    if isinstance(source, str | os.PathLike):
        place = Path(source)
        if place.is_dir() and not picture_files(place):
            files = table_files(place, (*TEXT, *TYPED))
            if files:
                return _client_files(files, roles, decimal, drop), roles
        return _file(place, roles, size, layout=layout, decimal=decimal), roles
    if is_hugging_face_dict(source):
        raise InputError(
            f"This holds several data sets ({', '.join(source)}): give one of them, such as "
            f"dataset[{next(iter(source))!r}]."
        )
    if is_hugging_face(source):
        return _hugging_face(source, size), roles
    if is_frame(source):
        return _frame(source, roles), roles
    if isinstance(source, torch.utils.data.DataLoader):
        raise InputError("A DataLoader shuffles and batches: give its .dataset.")
    if isinstance(source, torch.utils.data.Dataset):
        held = read_torch(source, size)
        columns = {"y": held.y} if roles["label"] is None else {}
        return Source(
            held.x, columns, held.notes, order=held.class_names, channels=held.channels
        ), roles
    if is_pairs(source):
        return pairs(source, roles)
    if is_frames(source):
        return _client_frames(source, roles, drop), roles
    if isinstance(source, Mapping):
        return _arrays({str(k): as_array(v, str(k)) for k, v in source.items()}, "these"), roles
    if isinstance(source, tuple) and 2 <= len(source) <= 4 and not np.isscalar(source[0]):
        given = dict(zip(("label", "client", "time"), source[1:], strict=False))
        twice = [name for name, value in given.items() if roles[name] is not None]
        if twice:
            raise InputError(f"{twice[0]} is given twice: in the tuple, and as {twice[0]}=.")
        roles = {**roles, **given}
        return source_of(source[0], roles, size, layout=layout, decimal=decimal, drop=drop)
    return Source(source, {}, []), roles


def is_data_file(place: Path) -> bool:
    """Whether a file is of a kind that is read, or refused as a spreadsheet, by its name."""
    kind = _kind(place)
    return kind in (*TEXT, *TYPED, *SHEETS, ".npz")


def _kind(place: Path) -> str:
    """The last suffix of a file, of a packed one that before it; "" of a packed one of no kind."""
    suffixes = [suffix.lower() for suffix in place.suffixes[-2:]]
    kind = suffixes[-1] if suffixes else ""
    if kind in PACKED and len(suffixes) == 2:
        return suffixes[0] if suffixes[0] in TEXT else ""
    return kind


def _file(
    place: Path, roles: dict[str, Any], size: Size | None, *, layout: str, decimal: str
) -> Source:
    if place.is_dir():
        return _folder(place, roles, size, layout)
    if not place.exists():
        check_no_pattern(place)
        raise InputError(f"There is no file or folder {place}.")
    kind = _kind(place)
    index = next((r for r in (roles["client"], roles["label"]) if isinstance(r, str)), "")
    if kind in TEXT:
        expected = [
            name.strip()
            for role in roles.values()
            if isinstance(role, str)
            for name in (role, *role.split(","))
        ]
        clients = "client" if roles["client"] is None else roles["client"]
        text = read_text_table(
            place,
            expected=expected or ("y", "label", "client"),
            identities=[
                name
                for name in (clients, roles["group"], roles["subject"])
                if isinstance(name, str)
            ],
            decimal=decimal,
        )
        return Source(text.table, {}, text.notes, place=str(place))
    if kind in TYPED:
        table, notes = read_typed_table(place, keep_index=index)
        return Source(table, {}, notes, place=str(place))
    if kind == ".npz":
        return _arrays(read_npz(place), str(place))
    if kind in SHEETS:
        raise InputError(f"{place} is a spreadsheet: save its sheet as CSV (UTF-8) and give that.")
    raise InputError(f"{place} is of no known kind: give {KNOWN}.")


def _client_files(
    files: Sequence[Path], roles: dict[str, Any], decimal: str, drop: Sequence[str]
) -> Source:
    """Tables in files that are called by their client."""
    notes: list[str] = []
    tables: dict[str, Table] = {}
    for file in files:
        if file.stem in tables:
            raise InputError(f"{file.parent} holds two tables called {file.stem}: leave one there.")
        held = _file(file, roles, None, layout="", decimal=decimal)
        tables[file.stem] = held.x
        notes += [note for note in held.notes if note not in notes]
    return one_a_client(tables, notes, drop)


def _client_frames(frames: Mapping[Any, Any], roles: dict[str, Any], drop: Sequence[str]) -> Source:
    """Data frames by the name of their client."""
    notes: list[str] = []
    tables: dict[str, Table] = {}
    for name, frame in frames.items():
        held = _frame(frame, roles)
        tables[str(name)] = held.x
        notes += [note for note in held.notes if note not in notes]
    return one_a_client(tables, notes, drop)


def _folder(place: Path, roles: dict[str, Any], size: Size | None, layout: str) -> Source:
    for name, role in roles.items():
        if isinstance(role, str):
            raise InputError(
                f"{place} is a folder, which has no column {role!r}: leave {name} out; folders "
                "name clients and classes."
            )
    found = read_folder(place, layout)
    pictures, notes = read_pictures(found.files, size)
    columns = {"label": found.label}
    if found.client is not None:
        columns["client"] = found.client
    return Source(pictures, columns, [*found.notes, *notes], place=str(place), channels="first")


def _frame(source: Any, roles: dict[str, Any]) -> Source:
    frame = as_pandas(source)
    index = next((r for r in (roles["client"], roles["label"]) if isinstance(r, str)), "")
    table, notes = frame_table(frame, keep_index=index)
    return Source(table, {}, notes, index=frame.index)


def _hugging_face(source: Any, size: Size | None) -> Source:
    orders = {name: class_names_of(source, name) for name in source.column_names}
    named = {name: order for name, order in orders.items() if order}
    column = picture_column(source)
    if not column:
        table, notes = frame_table(source.to_pandas())
        return Source(table, {}, notes, orders=named)
    x, notes = hugging_face_pictures(source, column, size)
    others = {name: np.asarray(source[name]) for name in source.column_names if name != column}
    return Source(x, others, notes, orders=named, channels="first")


def _arrays(arrays: dict[str, npt.NDArray[Any]], place: str) -> Source:
    if "x" not in arrays:
        raise InputError(
            f"{place} holds no array 'x' of samples, but {', '.join(map(repr, arrays)) or 'none'}."
        )
    others = {name: values for name, values in arrays.items() if name != "x"}
    return Source(arrays["x"], others, [], place=place)
