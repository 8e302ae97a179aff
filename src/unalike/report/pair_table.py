"""The table of pairs of methods: who beats whom."""

from __future__ import annotations

import math
from typing import NamedTuple

from unalike.results.comparison import Comparison
from unalike.results.evidence_sentences import p_text
from unalike.results.pairwise import Duel, win_matrix
from unalike.tasks import Measure

LEAST_METHODS = 3
"""With two, the one pair is in the verdict."""


class PairCell(NamedTuple):
    """A method beside another; empty beside itself."""

    gain: str = ""
    p: str = ""
    kind: str = ""  # "won" or "lost" where the seeds tell


class PairRow(NamedTuple):
    """A method beside all others."""

    title: str
    cells: tuple[PairCell, ...]
    won: int  # pairs that the seeds tell it better in
    lost: int


def pair_rows(comparison: Comparison) -> list[PairRow]:
    """The methods, the best first; none where no pair shares two seeds."""
    matrix = win_matrix(comparison)
    duels = [duel for row in matrix.values() for duel in row.values()]
    if len(matrix) < LEAST_METHODS or all(math.isnan(duel.p) for duel in duels):
        return []
    main = comparison.task.main
    found = []
    for method, row in matrix.items():
        title = comparison.titles.get(method, method)
        cells = tuple(_cell(row[other], main) if other in row else PairCell() for other in matrix)
        won, lost = (sum(cell.kind == kind for cell in cells) for kind in ("won", "lost"))
        found.append(PairRow(title, cells, won, lost))
    return found


def _cell(duel: Duel, measure: Measure) -> PairCell:
    kind = ("won" if duel.gain > 0 else "lost") if duel.told_apart else ""
    p = "one seed" if math.isnan(duel.p) else f"p {'<' if duel.p < 1e-4 else '='} {p_text(duel.p)}"
    return PairCell(measure.unit.number(duel.gain, signed=True), p, kind)
