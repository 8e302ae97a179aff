"""The command `unalike reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from unalike.errors import InputError, unknown

from . import completion, options
from .console import out, say
from .options import setting

if TYPE_CHECKING:
    from unalike.ledger import PublishedTable

RESULTS = Path("ledger")
"""Where runs are stored unless said otherwise."""


def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(help="An entry of the ledger, or all.", autocompletion=completion.ledger),
    ] = None,
    list_entries: Annotated[
        bool, typer.Option("--list", help="List the entries, their cost, and what is done.")
    ] = False,
    target: Annotated[
        Path, typer.Option("--out", help="Folder of the runs; those in it are not done again.")
    ] = RESULTS,
    page: Annotated[
        Path | None, setting("Write the page of all stored runs into this file.")
    ] = None,
    data_dir: options.DataDir = None,
) -> None:
    """Run a published table again with its own protocol, and put it beside ours."""
    from unalike.ledger import TABLES, require_data
    from unalike.ledger import page as page_of
    from unalike.study.files import write_atomically

    if name is None and not list_entries and page is None:
        raise InputError(
            "Say which entry of the ledger to reproduce, or all; `unalike reproduce --list` shows "
            "them."
        )
    if name not in (None, "all", *TABLES):
        raise unknown("entry of the ledger", str(name), [*TABLES, "all"])
    if target.exists() and not target.is_dir():
        raise InputError(f"--out {target}: this is a file; give a folder for the runs.")
    chosen = [table for key, table in TABLES.items() if name in (key, "all")]
    for table in chosen:
        require_data(table, data_dir)
    if list_entries:
        _print_entries(list(TABLES.values()), target, data_dir)
    for table in chosen:
        _reproduce(table, target, data_dir)
    if page is not None:
        write_atomically(page, page_of(TABLES, target).encode())
        say(f"Page: {page}")


def _reproduce(table: PublishedTable, folder: Path, data_dir: str | None) -> None:
    """Do what is left of an entry, and print its verdicts."""
    from unalike.ledger import measured, minutes_left, missing_runs, read_runs, reproduce, summary

    left = missing_runs(table, folder)
    if left:
        say(
            f"{table.name}: {len(left)} of {len(table.runs)} runs are to be done, about "
            f"{minutes_left(table, folder):.2g} CPU minutes."
        )
    for done, run in enumerate(reproduce(table, folder, data_dir), 1):
        say(f"{done} of {len(left)}: {run.row}, seed {run.seed}, {run.cpu_seconds:.1f} CPU seconds")
    found = measured(table, read_runs(table, folder))
    for printed in (_cells(table, folder), _claims(table, folder)):
        if printed.row_count:
            out.print(printed)
    out.print(f"{table.title}: {summary(table, found)}.", highlight=False, markup=False)


def _cells(table: PublishedTable, folder: Path) -> Table:
    from unalike.ledger import cell_verdicts, measured, read_runs
    from unalike.ledger.verdict import word

    printed = Table("row", "column", "published", "ours", "reproduced", "why not", box=None)
    for verdict in cell_verdicts(table, measured(table, read_runs(table, folder))):
        cell, digits = verdict.cell, table.digits
        ours = "" if verdict.ours is None else f"{verdict.ours:.{digits}f}"
        printed.add_row(
            cell.row,
            cell.column,
            f"{cell.value:.{digits}f} ± {cell.width:.{max(1, digits)}f}",
            ours,
            word(verdict.reproduced),
            verdict.why,
        )
    return printed


def _claims(table: PublishedTable, folder: Path) -> Table:
    from unalike.ledger import claim_verdicts, measured, read_runs
    from unalike.ledger.verdict import word

    printed = Table("claim", "reproduced", box=None)
    for verdict in claim_verdicts(table, measured(table, read_runs(table, folder))):
        printed.add_row(verdict.statement, word(verdict.reproduced))
    return printed


def _print_entries(tables: list[PublishedTable], folder: Path, data_dir: str | None) -> None:
    from unalike.data.sources import is_here
    from unalike.ledger import missing_runs

    name = Column("name", no_wrap=True)
    printed = Table(name, "title", "runs done", "CPU minutes", "data", box=None, pad_edge=False)
    for table in tables:
        done = len(table.runs) - len(missing_runs(table, folder))
        here = all(is_here(name, data_dir) for name in table.data)
        printed.add_row(
            table.name,
            table.title,
            f"{done} of {len(table.runs)}",
            f"{table.cpu_minutes:g}",
            "here" if here else f"missing: {', '.join(table.data)}",
        )
    out.print(printed)
