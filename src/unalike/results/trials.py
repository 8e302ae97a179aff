"""The trials of a search as a table, and what was chosen of each method."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from unalike.errors import InputError
from unalike.tuning.search_record import MethodSearch, SearchRecord

from .comparison import Comparison


class ChosenRow(NamedTuple):
    """What a search chose of a method, as texts."""

    title: str
    chosen: str
    score: str  # on validation samples
    defaults: str  # the rank of the method's own
    rounds: str  # after which the chosen trial was judged
    spent: str  # of the budget, in whole runs


def chosen_rows(comparison: Comparison) -> list[ChosenRow]:
    """A row a method, in the order of the study; none where nothing was tuned."""
    if comparison.tuning is None:
        return []
    record, main = comparison.tuning, comparison.task.main
    rows = []
    for label, search in record.searches.items():
        settings = search.best.settings
        listed = ", ".join(f"{name} = {value:g}" for name, value in settings.items())
        judged = search.best.judged[-1]
        rows.append(
            ChosenRow(
                comparison.titles.get(label, label),
                listed or "its defaults",
                main.text(np.nan if judged.value is None else judged.value),
                _rank_of_defaults(search),
                f"{judged.rounds}",
                f"{search.gradients / record.whole_run:.2f} of {record.budget:.2f}",
            )
        )
    return rows


def _rank_of_defaults(search: MethodSearch) -> str:
    """Where the first trial has other settings, a range of the user's does not hold a default."""
    if search.trials[0].settings:
        return "not tried"
    return f"{search.rank_of_defaults} of {len(search.trials)}"


def trials_table(comparison: Comparison) -> pd.DataFrame:
    """A row a trial: method, rank, trial, rounds, gradients, main measure, loss and its settings.

    Raises:
        InputError: nothing was tuned.
    """
    record = comparison.tuning
    if record is None:
        raise InputError("Nothing was tuned in this comparison: give compare tune=16.")
    rows = []
    for label, search in record.searches.items():
        for rank, trial in enumerate(search.order, start=1):
            tried = search.trials[trial]
            judged = tried.judged[-1]
            rows.append(
                {
                    "method": label,
                    "rank": rank,
                    "trial": trial,
                    "rounds": judged.rounds,
                    "gradients": judged.gradients,
                    record.measure: judged.value,
                    "loss": judged.loss,
                    **{
                        axis.name: tried.settings.get(axis.name, axis.default)
                        for axis in search.axes
                    },
                }
            )
    return pd.DataFrame(rows)


def best_so_far(record: SearchRecord, label: str) -> list[tuple[float, float]]:
    """What a search had spent and found after each look at a trial: (whole runs, best score).

    Looks in the order in which they were made: rung by rung. Nothing before the first that did
    not diverge.
    """
    trials = record.searches[label].trials
    spent, best, found = 0, None, []
    for rung in range(max(len(trial.judged) for trial in trials)):
        for trial in trials:
            if len(trial.judged) <= rung:
                continue
            judged = trial.judged[rung]
            spent += judged.gradients - (trial.judged[rung - 1].gradients if rung else 0)
            if judged.value is not None:
                better = max if record.higher_is_better else min
                best = judged.value if best is None else better(best, judged.value)
            if best is not None:
                found.append((spent / record.whole_run, best))
    return found
