"""Samples in one part for each client: a folder of tables, frames or pairs (x, y) by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unalike.data.preprocessing.table import Column, Table
from unalike.errors import InputError

from .array_inputs import as_array, samples_of
from .frames import as_pandas, is_frame, series_column
from .roles import Source

CLIENT = "client"
SHOWN = 5


def table_files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files of a folder, not of those in it, whose extension is one of these."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.is_file() and file.suffix.lower() in suffixes and not file.name.startswith(".")
    )


def check_no_pattern(place: Path) -> None:
    """A folder stands for all files in it, and needs no pattern.

    Raises:
        InputError: this is a pattern.
    """
    if any(letter in place.name for letter in "*?"):
        raise InputError(
            f"{place} is a pattern: give the folder {place.parent}, in which each table is the "
            "samples of one client."
        )


def one_a_client(tables: Mapping[str, Table], notes: list[str], drop: Sequence[str]) -> Source:
    """Tables by the name of their client, as one, its columns matched by name.

    drop: columns that nobody needs to have.

    Raises:
        InputError: a client lacks a column that another has.
    """
    columns = list(dict.fromkeys(name for table in tables.values() for name in table.names))
    _check_columns(tables, [name for name in columns if name not in drop])
    joined = [_joined([_column(table, name) for table in tables.values()]) for name in columns]
    if CLIENT not in columns:
        joined.append(Column(CLIENT, _named_rows(tables)))
    return Source(Table.of(joined), {}, [*notes, _said(list(tables))])


def _check_columns(tables: Mapping[str, Table], columns: Sequence[str]) -> None:
    for column in columns:
        without = [repr(name) for name, table in tables.items() if column not in table.names]
        if not without:
            continue
        held = [repr(name) for name, table in tables.items() if column in table.names]
        if len(without) <= len(held):
            have = "have" if len(without) > 1 else "has"
            raise InputError(
                f"{_few(without)} of {len(tables)} clients {have} no column {column!r}: add it "
                f"(its cells may be empty), or leave it out with drop={column!r}."
            )
        have = "have" if len(held) > 1 else "has"
        raise InputError(
            f"{_few(held)} alone of {len(tables)} clients {have} the column {column!r}: leave it "
            f"out with drop={column!r}, or add it to the others."
        )


def _column(table: Table, name: str) -> Column:
    if name in table.names:
        return table.column(name)
    return Column(name, np.full(len(table), None, dtype=object))


def _joined(parts: list[Column]) -> Column:
    import pandas as pd

    kinds = {part.values.dtype.kind for part in parts}
    if len(kinds) == 1 and all(part.gaps is None for part in parts):
        return Column(parts[0].name, np.concatenate([part.values for part in parts]))
    series = [pd.Series(part.values).astype(object) for part in parts]
    for one, part in zip(series, parts, strict=True):
        if part.gaps is not None:
            one[part.gaps] = None
    return series_column(pd.concat(series, ignore_index=True).infer_objects(), parts[0].name)


def is_frames(source: Any) -> bool:
    """Whether this is data frames by the name of their client."""
    return isinstance(source, Mapping) and bool(source) and all(map(is_frame, source.values()))


def is_pairs(source: Any) -> bool:
    """Whether this is pairs (x, y) of arrays, one for each client, in a list or by name."""
    if not isinstance(source, list | Mapping):
        return False
    parts = list(source.values()) if isinstance(source, Mapping) else source
    return bool(parts) and all(
        isinstance(part, tuple) and len(part) == 2 and _is_samples(part[0]) for part in parts
    )


def _is_samples(x: Any) -> bool:
    return is_frame(x) or (isinstance(x, np.ndarray | torch.Tensor) and x.ndim > 1)


def pairs(
    source: Sequence[Any] | Mapping[Any, Any], roles: Mapping[str, Any]
) -> tuple[Source, dict[str, Any]]:
    """The samples of all pairs together, with their labels and whose they are as roles.

    Raises:
        InputError: a client's samples are unlike the others', or a role is given once more.
    """
    twice = [name for name in ("label", "client") if roles[name] is not None]
    if twice:
        raise InputError(f"{twice[0]} is given twice: in the pairs (x, y), and as {twice[0]}=.")
    named = source if isinstance(source, Mapping) else dict(enumerate(source))
    xs: dict[str, Any] = {}
    ys: list[Any] = []
    for name, (x, y) in named.items():
        values = as_array(y, "y")
        if is_frame(x):
            x = as_pandas(x)
        if len(x) != len(values):
            raise InputError(
                f"Client {str(name)!r} has {len(x)} samples in x and {len(values)} labels in y."
            )
        xs[str(name)] = x
        ys.append(values)
    kinds = {is_frame(x) for x in xs.values()}
    if len(kinds) > 1 or len({values.shape[1:] for values in ys}) > 1:
        raise InputError("The pairs (x, y) of all clients must be of one kind and shape.")
    labels = np.concatenate(ys)
    client = np.repeat(list(xs), [len(values) for values in ys])
    given = {**roles, "label": labels, "client": client}
    if kinds == {True}:
        tables = {
            name: Table.of([series_column(x.iloc[:, i], str(c)) for i, c in enumerate(x.columns)])
            for name, x in xs.items()
        }
        found = one_a_client(tables, [], [CLIENT])
        return Source(found.x.without([CLIENT]), {}, found.notes), given
    arrays = {name: samples_of(x) for name, x in xs.items()}
    shapes = {name: x.shape[1:] for name, x in arrays.items()}
    first = next(iter(shapes))
    for name, shape in shapes.items():
        if shape != shapes[first]:
            raise InputError(
                f"Samples of client {name!r} have the shape {shape}, those of {first!r} "
                f"{shapes[first]}: all clients need the same."
            )
    return Source(np.concatenate(list(arrays.values())), {}, [_said(list(arrays))]), given


def _named_rows(tables: Mapping[str, Table]) -> Any:
    lengths = [len(table) for table in tables.values()]
    return np.repeat(np.array(list(tables), dtype=object), lengths)


def _said(names: list[str]) -> str:
    return f"{len(names)} parts, each the samples of one client: {_few(list(map(repr, names)))}."


def _few(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
