"""Running an entry: what is stored already is left alone, each further run is kept when done."""

from __future__ import annotations

import datetime
import platform
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import torch

from unalike.data.sources import is_here
from unalike.engines.machine import cores, processor
from unalike.errors import InputError

from .stored_runs import StoredRun, read_all, read_runs, write_runs
from .table import PublishedTable, Run


def missing_runs(table: PublishedTable, folder: Path) -> list[Run]:
    """What is still to be done."""
    known = read_runs(table, folder)
    return [run for run in table.runs if not any(stored.of(run) for stored in known)]


def minutes_left(table: PublishedTable, folder: Path) -> float:
    """CPU minutes foretold for what is still to be done, runs being equally long."""
    return table.cpu_minutes * len(missing_runs(table, folder)) / len(table.runs)


def require_data(table: PublishedTable, data_dir: str | None) -> None:
    """InputError where files that the entry needs are not here."""
    for name in table.data:
        if not is_here(name, data_dir):
            raise InputError(
                f"{table.name} needs the data set {name}, whose files are not here: give the "
                f"folder that holds them with --data-dir or UNALIKE_DATA, or let `unalike diagnose "
                f"--data {name}` fetch them."
            )


def reproduce(
    table: PublishedTable, folder: Path, data_dir: str | None = None
) -> Iterator[StoredRun]:
    """Do what is still to be done; every run is stored before the next one begins.

    Raises:
        InputError: data are missing, or the folder cannot be written.
    """
    require_data(table, data_dir)
    machine = describe_machine()
    torch.set_num_threads(1)
    for run in missing_runs(table, folder):
        began = time.process_time()
        values = table.measure(run.settings, run.seed, data_dir)
        done = StoredRun(
            run.row,
            run.seed,
            dict(run.settings),
            {name: float(value) for name, value in values.items()},
            round(time.process_time() - began, 2),
            datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
            machine,
        )
        others = [s for s in read_all(table.name, folder) if (s.row, s.seed) != (run.row, run.seed)]
        write_runs(table.name, folder, [*others, done])
        yield done


def describe_machine() -> dict[str, str]:
    """Processor, cores and versions: what a reader may know of where numbers come from."""
    return {
        "processor": processor(),
        "cores": str(cores()),
        "unalike": version("unalike"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
    }
