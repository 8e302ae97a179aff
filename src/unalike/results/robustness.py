"""Whom an attack harms, and whom the defence: four finished comparisons side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from unalike.measures.robustness import robustness

from .columns import Chosen
from .comparison import ALL, Comparison


def robustness_table(
    plain: Comparison,
    attacked: Comparison,
    defended: Comparison,
    both: Comparison,
    chosen: Chosen = "best",
) -> pd.DataFrame:
    """One row a method with the columns of `measures.Robustness`, means over seeds.

    The four are one study without anything, with the attack, with the robust rule, and with both.
    Methods that are not in all of them are left out.
    """
    main = plain.task.main
    metric = f"personalised_{main.name}_{chosen}"
    runs = [_by_client(one, metric) for one in (plain, attacked, defended, both)]
    listed = [name for name in plain.names if name in runs[0].index]
    found = []
    for pair in runs[0].columns:
        if all(pair in run.columns for run in runs):
            values = [run[pair].reindex(listed).to_numpy(np.float64) for run in runs]
            hostile = np.isnan(values[1])  # under attack nothing is told of hostile clients
            harm = robustness(
                values[0],
                values[1],
                values[2],
                values[3],
                hostile,
                higher_is_better=main.higher_is_better,
            )
            found.append({"method": pair[0], **harm._asdict()})
    return pd.DataFrame(found).groupby("method", sort=False).mean()


def _by_client(comparison: Comparison, metric: str) -> pd.DataFrame:
    """One row a client, one column for each (method, seed)."""
    frame = comparison.frame
    rows = frame[(frame["metric"] == metric) & (frame["client"] != ALL)]
    return rows.pivot(index="client", columns=["method", "seed"], values="value")
