"""Who beats whom in the terminal: a sign for each pair of methods."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from unalike.report.pair_table import pair_rows
from unalike.results.comparison import Comparison

SIGNS = {"won": "+", "lost": "-", "": "."}


@dataclass(frozen=True)
class PairTable:
    """What rich prints: a row and a column for each method, and a legend; nothing of one seed."""

    comparison: Comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = pair_rows(self.comparison)
        if not rows:
            return
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("against", overflow="fold", min_width=10)
        for number in range(1, len(rows) + 1):
            table.add_column(str(number), justify="right", no_wrap=True)
        for number, row in enumerate(rows, start=1):
            signs = [
                " " if place == number else SIGNS[cell.kind]
                for place, cell in enumerate(row.cells, start=1)
            ]
            table.add_row(Text(f"{number:>2} {row.title}"), *signs)
        yield table
        yield Text(
            "+ the method of the row is better, - worse, . the seeds do not tell; paired t tests "
            "over seeds, corrected by Holm for all pairs.",
            style="dim",
        )
