"""The table of a comparison, as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .columns import Chosen, columns_of, further_columns_of
from .intervals import over_seeds

if TYPE_CHECKING:
    from .comparison import Comparison

NOT_FEDERATED = ("local", "centralised")
"""Baselines: clients alone, and all data in one place."""


def aggregates(comparison: Comparison) -> pd.DataFrame:
    """One row per (method, seed), one column per metric, with bytes_total = down + up."""
    frame = comparison.frame
    rows = frame[frame["client"] == "all"]
    wide = rows.pivot(index=["method", "seed"], columns="metric", values="value")
    if {"bytes_down", "bytes_up"} <= set(wide.columns):
        wide["bytes_total"] = wide["bytes_down"] + wide["bytes_up"]
    return wide


def seed_count(wide: pd.DataFrame) -> int:
    """How many seeds were measured."""
    return int(wide.index.get_level_values("seed").nunique())


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
    `<measure>_low` and `<measure>_high`, its 95 % interval over seeds (NaN with one seed, and
    where all seeds give the same number). Shares are in [0, 1].
    """
    wide = aggregates(comparison)
    failed = diverged(wide)
    task = comparison.task
    columns = (*columns_of(task), *further_columns_of(task))
    rows = []
    for method in wide.index.get_level_values("method").unique():
        row: dict[str, object] = {
            "method": method,
            "title": comparison.titles.get(method, method),
            "seeds": len(wide.loc[method]),
            "diverged": method in failed,
        }
        for column in columns:
            scores = by_seed(wide, method, column.suffixed(chosen))
            interval = over_seeds(scores, column.bounds)
            row[column.key] = interval.mean
            row[f"{column.key}_low"], row[f"{column.key}_high"] = interval.low, interval.high
        rows.append(row)
    names = ["title", "seeds", "diverged"]
    names += [f"{column.key}{end}" for column in columns for end in ("", "_low", "_high")]
    table = pd.DataFrame(rows, columns=["method", *names]).set_index("method")
    return table.sort_values(
        ["diverged", "personalised"],
        ascending=[True, not task.main.higher_is_better],
        kind="stable",
        na_position="last",
    )
