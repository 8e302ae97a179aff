"""The page of the ledger: every entry with its protocol, published beside ours, and who ran it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from .stored_runs import StoredRun, measured, read_runs
from .table import Cell, Measured, PublishedTable
from .verdict import CellVerdict, cell_verdicts, claim_verdicts, summary, word

HEAD = """# The ledger: published tables, run again

Each entry is a table or figure that has been published, run again with its own protocol by
[`unalike reproduce`](how-to/reproduce.md), which wrote this page from the stored results. Nothing
is tuned to a published number. A number is reproduced where our mean over seeds differs from it by
the published spread at most, or by the stated tolerance where no spread is published. A reference
is somebody's own run of the published recipe, and no published number. Numbers of a paper that
were not at hand are left out, and it is said.
"""


def page(tables: Mapping[str, PublishedTable], folder: Path) -> str:
    """The whole page, from what is stored in the folder.

    Raises:
        InputError: a file in it is damaged.
    """
    stored = {name: read_runs(table, folder) for name, table in tables.items()}
    entries = [_entry(table, stored[name]) for name, table in tables.items()]
    return "\n".join([HEAD, *_overview(tables, stored), *entries])


def _overview(
    tables: Mapping[str, PublishedTable], stored: Mapping[str, list[StoredRun]]
) -> list[str]:
    lines = [
        "| entry | what | runs done | CPU minutes, foretold | taken | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for name, table in tables.items():
        runs = stored[name]
        taken = _minutes(runs)
        lines.append(
            f"| [{name}](#{name}) | {table.title} | {len(runs)} of {len(table.runs)} "
            f"| {table.cpu_minutes:g} | {taken} | {summary(table, measured(table, runs))} |"
        )
    return [*lines, ""]


def _entry(table: PublishedTable, runs: list[StoredRun]) -> str:
    found = measured(table, runs)
    lines = [
        f"## {table.title} {{#{table.name}}}",
        "",
        "<!-- checked: minutes to hours, some on data that are not here -->",
        "```sh",
        f"unalike reproduce {table.name}",
        "```",
        "",
        f"Source: {table.source}",
        "",
        f"Protocol: {table.protocol}",
        "",
        "What differs:",
        "",
        *[f"- {sentence}" for sentence in table.differs],
        "",
    ]
    if table.left_out:
        lines += [f"Left out: {table.left_out}", ""]
    if not runs:
        lines.append(f"**Not run yet.** Foretold: {table.cpu_minutes:g} CPU minutes.\n")
        return "\n".join(lines)
    lines += [*_cells(table, found), *_claims(table, found), *_values(table, found)]
    return "\n".join([*lines, *_who(table, runs)])


def _cells(table: PublishedTable, found: Measured) -> list[str]:
    verdicts = cell_verdicts(table, found)
    if not verdicts:
        return []
    rows = [
        f"| {v.cell.row} | {v.cell.column} | {_published(v.cell, table.digits)} "
        f"| {_ours(v, table.digits)} | reproduced = {word(v.reproduced)} | {v.why} |"
        for v in verdicts
    ]
    return [
        "| row | column | published | ours | | why not |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def _claims(table: PublishedTable, found: Measured) -> list[str]:
    return [
        *[
            f"- {c.statement} reproduced = {word(c.reproduced)}"
            for c in claim_verdicts(table, found)
        ],
        "",
    ]


def _values(table: PublishedTable, found: Measured) -> list[str]:
    meanings = [f"{name}: {meaning}" for name, meaning in table.columns.items()]
    lines = [
        f"All that was measured, mean ± standard deviation over seeds; {'; '.join(meanings)}.",
        "",
        f"| row | {' | '.join(table.columns)} |",
        f"|---|{'---|' * len(table.columns)}",
    ]
    for row in [*table.rows, *(best.row for best in table.best)]:
        if row in found.rows:
            cells = [
                _with_deviation(found.mean(row, column), found.deviation(row, column), table.digits)
                if found.has(row, column)
                else ""
                for column in table.columns
            ]
            lines.append(f"| {row} | {' | '.join(cells)} |")
    return [*lines, ""]


def _who(table: PublishedTable, runs: list[StoredRun]) -> list[str]:
    """On which machines the runs were done, and when."""

    def where(run: StoredRun) -> str:
        return ", ".join(f"{name} {value}" for name, value in sorted(run.machine.items()))

    lines = []
    for machine, group in groupby(sorted(runs, key=where), key=where):
        some = list(group)
        first, last = min(run.date for run in some), max(run.date for run in some)
        when = first if first == last else f"{first} to {last}"
        minutes = _minutes(some)
        cost = f"{minutes} CPU minutes" if minutes else "CPU time not kept"
        lines.append(f"{len(some)} runs on {when}: {machine}; {cost}.")
    missing = len(table.runs) - len(runs)
    if missing:
        lines.append(f"{missing} of {len(table.runs)} runs are not done yet.")
    return [*lines, ""]


def _minutes(runs: list[StoredRun]) -> str:
    """CPU minutes that these took; empty where it is not known of all."""
    seconds = [run.cpu_seconds for run in runs]
    if not seconds or None in seconds:
        return ""
    return f"{sum(s for s in seconds if s is not None) / 60:.1f}"


def _published(cell: Cell, digits: int) -> str:
    text = f"{cell.value:.{digits}f}"
    if cell.spread is not None:
        text += f" ± {cell.spread:.{digits}f}"
    elif cell.tolerance is not None:
        text += f", tolerance {cell.tolerance:.{max(digits, 1)}f}"
    return text if cell.origin == "published" else f"reference {text}"


def _ours(verdict: CellVerdict, digits: int) -> str:
    if verdict.ours is None:
        return ""
    return _with_deviation(verdict.ours, verdict.deviation, digits)


def _with_deviation(mean: float, deviation: float | None, digits: int) -> str:
    text = f"{mean:.{digits}f}"
    return text if deviation is None else f"{text} ± {deviation:.{digits}f}"
