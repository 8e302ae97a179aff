"""What is measured of each of very many clients: columns of a record in files of their own.

    runs/<method>/seed-<k>/
        clients.<round>.<family>.safetensors    one tensor [clients] for each measure

A line of metrics.jsonl says `{"columns": "clients.50.personal.safetensors"}` in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from unalike.errors import InputError

from .files import read_metadata, write_tensors

MOST_IN_LINE = 10_000
"""Clients of whom each has a place in a record's line."""
FAMILIES = ("personal", "new")
"""Parts of an evaluation that have one value a client for each measure."""
PREFIX = "clients."
"""How the names of these files begin."""


class ColumnFile(Mapping[str, NDArray[np.float64]]):
    """The columns of a file, each read when it is asked for: [clients]."""

    def __init__(self, path: Path) -> None:
        self.path = path
        about = read_metadata(path)
        if about is None:
            raise InputError(f"{path} is missing or damaged: take it from a backup, or train anew.")
        self._names = about["names"].split(",")

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        if name not in self._names:
            raise KeyError(name)
        try:
            with safe_open(self.path, framework="numpy") as file:
                column: NDArray[np.float64] = file.get_tensor(name)
                return column
        except (SafetensorError, OSError):
            raise InputError(f"{self.path} is damaged: take it from a backup.") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def with_files(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The record as its line holds it, with long columns written to files.

    Raises:
        UnwritableError: they cannot be.
    """
    evaluation = dict(record.get("evaluation", {}))
    for family in FAMILIES:
        columns = evaluation.get(family, {})
        if any(len(values) > MOST_IN_LINE for values in columns.values()):
            name = f"{PREFIX}{record['round']}.{family}.safetensors"
            tensors = {
                measure: torch.from_numpy(np.asarray(values, np.float64))
                for measure, values in columns.items()
            }
            write_tensors(folder / name, tensors, {"names": ",".join(tensors)})
            evaluation[family] = {"columns": name}
    return {**record, "evaluation": evaluation} if evaluation else record


def from_files(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The inverse of `with_files`, with columns that are read when they are asked for.

    Raises:
        InputError: a file is missing or damaged.
    """
    for family in FAMILIES:
        columns = record.get("evaluation", {}).get(family, {})
        if isinstance(columns.get("columns"), str):
            record["evaluation"][family] = ColumnFile(folder / Path(columns["columns"]).name)
    return record
