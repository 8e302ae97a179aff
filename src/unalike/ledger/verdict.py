"""Published beside ours: is each number inside the published spread, does each claim hold?"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from .table import Cell, Measured, PublishedTable


class CellVerdict(NamedTuple):
    """A published number beside ours."""

    cell: Cell
    ours: float | None  # mean over the seeds that are done; None where none is
    deviation: float | None  # over seeds
    seeds: int
    reproduced: bool | None  # None where a run of the row is not done
    why: str  # it is outside; empty where it is not


class ClaimVerdict(NamedTuple):
    """A claim, and whether it holds of what was measured."""

    statement: str
    reproduced: bool | None  # None where a run that it is about is not done


def cell_verdicts(table: PublishedTable, found: Measured) -> list[CellVerdict]:
    """One verdict for each published number."""
    return [_cell_verdict(table, cell, found) for cell in table.cells]


def claim_verdicts(table: PublishedTable, found: Measured) -> list[ClaimVerdict]:
    """One verdict for each claim."""
    return [
        ClaimVerdict(
            claim.statement,
            bool(claim.holds(found)) if _is_done(table, claim.rows, found) else None,
        )
        for claim in table.claims
    ]


def word(reproduced: bool | None) -> str:
    """How a verdict is printed."""
    return "not run" if reproduced is None else str(reproduced).lower()


def summary(table: PublishedTable, found: Measured) -> str:
    """One sentence on the whole entry."""
    if not found.rows:
        return "not run yet"
    parts = []
    for kind, verdicts in (
        ("published number", [v for v in cell_verdicts(table, found) if _is_published(v)]),
        ("reference number", [v for v in cell_verdicts(table, found) if not _is_published(v)]),
        ("claim", claim_verdicts(table, found)),
    ):
        known = [v.reproduced for v in verdicts if v.reproduced is not None]
        if known:
            plural = "s" if len(known) != 1 else ""
            parts.append(f"{sum(known)} of {len(known)} {kind}{plural} reproduced")
    return ", ".join(parts) or "not all runs are done yet"


def _is_published(verdict: CellVerdict) -> bool:
    return verdict.cell.origin == "published"


def _cell_verdict(table: PublishedTable, cell: Cell, found: Measured) -> CellVerdict:
    if not found.has(cell.row, cell.column):
        return CellVerdict(cell, None, None, 0, None, "")
    ours = found.mean(cell.row, cell.column)
    done = _is_done(table, (cell.row,), found)
    inside = abs(ours - cell.value) <= cell.width
    return CellVerdict(
        cell,
        ours,
        found.deviation(cell.row, cell.column),
        len(found.each(cell.row, cell.column)),
        inside if done else None,
        _distance(table, cell, ours) if done and not inside else "",
    )


def _is_done(table: PublishedTable, rows: tuple[str, ...], found: Measured) -> bool:
    """Whether all seeds of these rows have been run."""
    planned = Counter(run.row for run in table.runs)
    return all(found.seeds(row) >= max(1, planned[row]) for row in rows)


def _distance(table: PublishedTable, cell: Cell, ours: float) -> str:
    beyond = abs(ours - cell.value) - cell.width
    side = "above" if ours > cell.value else "below"
    limit = "published spread" if cell.spread is not None else "tolerance"
    reason = table.reasons.get((cell.row, cell.column), "the reason has not been told apart")
    return f"{beyond:.{table.digits}f} {side} the {limit}: {reason}"
