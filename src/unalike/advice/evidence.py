"""Whether a contestant of a race is shown to beat training alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .client_differences import Difference, difference, fold_difference
from .race import RaceEntry


class Evidence(NamedTuple):
    """How a contestant did beside Local, each with its own best settings."""

    score: Difference  # by folds or clients, whichever are surer
    loss: Difference  # by folds; above zero where it is the contestant's that is lower

    @property
    def shown(self) -> bool:
        """Whether the contestant is shown to be better: by score, or not below and by loss.

        A few hundred samples are right or wrong, which tells little of each; the loss tells how
        right, so that it can tell two methods apart where the score cannot yet.
        """
        return self.score.mean > 0 and any(
            one.mean > 0 and one.excludes_zero for one in (self.score, self.loss)
        )


def evidence(one: RaceEntry, alone: RaceEntry, folds: int) -> Evidence:
    """Of a contestant beside Local on the same folds, of which a cut has so many."""
    by_fold = fold_difference(one.by_fold, alone.by_fold, folds)
    by_client = difference(one.scores, alone.scores)
    return Evidence(
        max(by_fold, by_client, key=lambda found: np.nan_to_num(found.sure)),
        fold_difference(alone.losses_by_fold, one.losses_by_fold, folds),
    )
