"""The trials of a search as a table."""

from __future__ import annotations

import pandas as pd

from unalike.errors import InputError

from .comparison import Comparison


def trials_table(comparison: Comparison) -> pd.DataFrame:
    """A row a trial: method, rank, trial, its settings, rounds, gradients, main measure and loss.

    Raises:
        InputError: nothing was tuned.
    """
    if comparison.tuning is None:
        raise InputError("Nothing was tuned in this comparison: give compare tune=16.")
    rows = []
    for label, search in comparison.tuning.searches.items():
        for rank, trial in enumerate(search.order, start=1):
            tried = search.trials[trial]
            judged = tried.judged[-1]
            rows.append(
                {
                    "method": label,
                    "rank": rank,
                    "trial": trial,
                    **{
                        axis.name: tried.settings.get(axis.name, axis.default)
                        for axis in search.axes
                    },
                    "rounds": judged.rounds,
                    "gradients": judged.gradients,
                    comparison.tuning.measure: judged.value,
                    "loss": judged.loss,
                }
            )
    return pd.DataFrame(rows)
