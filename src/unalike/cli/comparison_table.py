"""A comparison in the terminal: a row for each method, and what the numbers are."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from unalike.results import units
from unalike.results.columns import Chosen, Column, columns_of
from unalike.results.comparison import Comparison
from unalike.results.table import aggregates, as_frame, diverged, seed_count

WIDE_ONLY = ("spread", "new_spread", "forgetting", "gradients", "round")
"""Columns that a terminal below 100 characters leaves out."""

CROWDED = (*WIDE_ONLY, "traffic")
"""Those that it leaves out where windows of time take up room."""


BANDS = ("personalised", "global", "new")
"""Columns with their interval over seeds; below 140 characters only the first."""


@dataclass(frozen=True)
class ComparisonTable:
    """What rich prints: the table as wide as the terminal allows, and a legend."""

    comparison: Comparison
    chosen: Chosen = "best"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        values = as_frame(self.comparison, self.chosen)
        roomy = options.max_width >= 100
        bands = BANDS if options.max_width >= 140 else BANDS[:1]
        left_out = CROWDED if values["next_window"].notna().any() else WIDE_ONLY
        shown = [
            column
            for column in columns_of(self.comparison.task)
            if (roomy or column.key not in left_out) and values[column.key].notna().any()
        ]
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("\nmethod", overflow="fold", min_width=10, max_width=None if roomy else 14)
        for column in shown:
            table.add_column(column.short, justify="right", no_wrap=True)
        ranked = values.index[~values["diverged"] & (values.index != "centralised")]
        for method, row in zip(values.index, values.to_dict("records"), strict=True):
            cells = []
            for column in shown:
                text = column.text(row[column.key])
                if column.key in bands:
                    ends = column.interval(row[f"{column.key}_low"], row[f"{column.key}_high"])
                    text = f"{text} {ends}" if ends else text
                cells.append(text)
            mark = " †" if row["diverged"] else ""
            style = "dim" if row["diverged"] else "bold" if method in ranked[:1] else ""
            table.add_row(Text(f"{row['title']}{mark}"), *cells, style=style)
        yield table
        yield Text(legend(self.comparison, shown, self.chosen), style="dim")


def legend(
    comparison: Comparison, columns: list[Column] | None = None, chosen: Chosen = "best"
) -> str:
    """What each number is."""
    wide = aggregates(comparison)
    seeds = seed_count(wide)
    spread = f"mean over {seeds} seeds [95 % interval]" if seeds > 1 else "one seed, no interval"
    when = "round chosen by validation" if chosen == "best" else "last round"
    parts = [
        f"{column.short.replace('-' + chr(10), '').strip().replace(chr(10), ' ')}: {column.meaning}"
        for column in columns or columns_of(comparison.task)
    ]
    lines = [f"{comparison.task.main.capitalised} at the {when}; {spread}.", "; ".join(parts) + "."]
    if failed := diverged(wide):
        names = units.listed([comparison.titles.get(name, name) for name in failed])
        lines.append(f"† {names} diverged: the numbers are those of the last sound round.")
    return "\n".join(lines)
