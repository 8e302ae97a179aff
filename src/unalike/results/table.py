"""The table of a comparison: for the terminal, and as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from . import units
from .columns import COLUMNS, FURTHER, Chosen, Column
from .comparison import Comparison
from .intervals import over_seeds

NOT_FEDERATED = ("local", "centralised")
"""Baselines: clients alone, and all data in one place."""


WIDE_ONLY = ("new_spread", "forgetting", "round")
"""Columns that a terminal below 100 characters leaves out."""

CROWDED = (*WIDE_ONLY, "gradients")
"""Those that it leaves out where windows of time take up room."""


def aggregates(comparison: Comparison) -> pd.DataFrame:
    """One row per (method, seed), one column per metric, with bytes_total = down + up."""
    frame = comparison.frame
    rows = frame[frame["client"] == "all"]
    wide = rows.pivot(index=["method", "seed"], columns="metric", values="value")
    if {"bytes_down", "bytes_up"} <= set(wide.columns):
        wide["bytes_total"] = wide["bytes_down"] + wide["bytes_up"]
    return wide


def by_seed(wide: pd.DataFrame, method: str, metric: str) -> pd.Series[float]:
    """One metric of one method, indexed by seed; empty where it was not measured."""
    if metric not in wide.columns or method not in wide.index.get_level_values("method"):
        return pd.Series(dtype=np.float64)
    return wide.loc[method][metric].dropna().astype(np.float64)


def diverged(wide: pd.DataFrame) -> dict[str, dict[int, int]]:
    """Of each method that diverged: seed -> round."""
    if "diverged_round" not in wide.columns:
        return {}
    found: dict[str, dict[int, int]] = {}
    rounds = wide["diverged_round"].dropna().reset_index()
    for method, seed, t in rounds.itertuples(index=False):
        found.setdefault(str(method), {})[int(seed)] = int(t)
    return found


def as_frame(comparison: Comparison, chosen: Chosen = "best") -> pd.DataFrame:
    """The table as numbers: methods, best first; diverged ones last.

    Columns: `title`, `seeds`, `diverged`, and for every measure its mean over seeds and, as
    `<measure>_half`, half the 95 % interval over seeds (NaN with one seed). Accuracies are in
    [0, 1].
    """
    wide = aggregates(comparison)
    failed = diverged(wide)
    rows = []
    for method in wide.index.get_level_values("method").unique():
        row: dict[str, object] = {
            "method": method,
            "title": comparison.titles.get(method, method),
            "seeds": len(wide.loc[method]),
            "diverged": method in failed,
        }
        for column in (*COLUMNS, *FURTHER):
            interval = over_seeds(by_seed(wide, method, column.suffixed(chosen)))
            row[column.key] = interval.mean
            row[f"{column.key}_half"] = np.nan if interval.half is None else interval.half
        rows.append(row)
    names = ["title", "seeds", "diverged"]
    names += [
        part for column in (*COLUMNS, *FURTHER) for part in (column.key, f"{column.key}_half")
    ]
    table = pd.DataFrame(rows, columns=["method", *names]).set_index("method")
    return table.sort_values(
        ["diverged", "personalised"], ascending=[True, False], kind="stable", na_position="last"
    )


@dataclass(frozen=True)
class Terminal:
    """What rich prints: the table as wide as the terminal allows, and a legend."""

    comparison: Comparison
    chosen: Chosen = "best"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        values = as_frame(self.comparison, self.chosen)
        roomy = options.max_width >= 100
        left_out = CROWDED if values["next_window"].notna().any() else WIDE_ONLY
        shown = [
            column
            for column in COLUMNS
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
                half = row[f"{column.key}_half"]
                bands = ("personalised", "global", "new") if roomy else ("personalised",)
                if column.key in bands and not np.isnan(half):
                    text += f"±{100 * half:.1f}"
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
    seeds = wide.index.get_level_values("seed").nunique()
    spread = (
        f"mean over {seeds} seeds ± half a 95 % interval" if seeds > 1 else "one seed, no interval"
    )
    when = "round chosen by validation" if chosen == "best" else "last round"
    parts = [
        f"{column.short.replace('-' + chr(10), '').strip().replace(chr(10), ' ')}: {column.meaning}"
        for column in columns or COLUMNS
    ]
    lines = [f"Accuracies at the {when}; {spread}.", "; ".join(parts) + "."]
    if failed := diverged(wide):
        names = units.listed([comparison.titles.get(name, name) for name in failed])
        lines.append(f"† {names} diverged: the numbers are those of the last sound round.")
    return "\n".join(lines)
