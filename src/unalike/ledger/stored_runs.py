"""What was measured, in one file an entry: a line of JSON for each run that is done."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unalike.errors import InputError
from unalike.study.files import write_atomically

from .table import Measured, PublishedTable, Run, Where


@dataclass(frozen=True)
class StoredRun:
    """A run that is done."""

    row: str
    seed: int
    settings: dict[str, Any]
    values: dict[str, float]
    cpu_seconds: float | None  # None where it was not kept
    date: str
    machine: dict[str, str]  # processor, cores and versions

    def of(self, run: Run) -> bool:
        """Whether this is that run, with the very same settings."""
        return (self.row, self.seed, self.settings) == (run.row, run.seed, _plain(run.settings))


def path_of(folder: Path, name: str) -> Path:
    """The file of an entry."""
    return folder / f"{name}.jsonl"


def read_runs(table: PublishedTable, folder: Path) -> list[StoredRun]:
    """The stored runs of the entry as it stands, in its order; others do not count.

    Raises:
        InputError: the file is damaged.
    """
    known = read_all(table.name, folder)
    return [stored for run in table.runs for stored in known if stored.of(run)]


def read_all(name: str, folder: Path) -> list[StoredRun]:
    """All stored runs under this name, whatever their settings.

    Raises:
        InputError: the file is damaged.
    """
    path = path_of(folder, name)
    if not path.exists():
        return []
    lines = path.read_text("utf-8").splitlines()
    return [_read(line, number, path) for number, line in enumerate(lines, 1)]


def write_runs(name: str, folder: Path, runs: Iterable[StoredRun]) -> None:
    """Replace what is stored under this name.

    Raises:
        UnwritableError: it cannot be.
    """
    lines = [json.dumps(asdict(run), sort_keys=True, ensure_ascii=False) for run in runs]
    write_atomically(path_of(folder, name), "".join(f"{line}\n" for line in lines).encode())


def measured(table: PublishedTable, runs: Iterable[StoredRun]) -> Measured:
    """The values of an entry's runs by row and column, and of the best of several rows.

    The best is known when all that it is chosen from are done.
    """
    values: dict[Where, list[float]] = defaultdict(list)
    done = set()
    for run in runs:
        done.add(run.row)
        for column, value in run.values.items():
            values[run.row, column].append(value)
    for best in table.best:
        reached = [row for row in best.of if (row, best.column) in values]
        if done.issuperset(best.of) and reached:
            first = min(reached, key=lambda row: np.mean(values[row, best.column]))
            values[best.row, best.column] = values[first, best.column]
    return Measured(dict(values))


def _plain(settings: Any) -> Any:
    """Settings as JSON gives them back."""
    return json.loads(json.dumps(settings))


def _read(line: str, number: int, path: Path) -> StoredRun:
    try:
        return StoredRun(**json.loads(line))
    except (ValueError, TypeError):
        raise InputError(
            f"{path}, line {number} is not a run of the ledger: remove the line, and the run will "
            "be done again."
        ) from None
