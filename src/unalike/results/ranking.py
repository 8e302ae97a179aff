"""Who leads a comparison, by how much, and at whose expense: the numbers behind its verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .columns import Chosen
from .comparison import Comparison
from .harm import harm_by_method
from .intervals import over_seeds, paired
from .table import NOT_FEDERATED, aggregates, by_seed, diverged


class Ranking:
    """The methods of a comparison by personalised accuracy, and what the seeds say of each."""

    def __init__(self, comparison: Comparison, chosen: Chosen) -> None:
        self.comparison = comparison
        self.chosen: Chosen = chosen
        self.wide = aggregates(comparison)
        self.failed = diverged(self.wide)
        self.when = "round chosen by validation" if chosen == "best" else "last round"
        methods = [str(m) for m in self.wide.index.get_level_values("method").unique()]
        self.means = {m: self.mean(m, "personalised_accuracy_mean") for m in methods}
        ranked = sorted(
            (m for m in methods if m not in self.failed and np.isfinite(self.means[m])),
            key=lambda m: -self.means[m],
        )
        self.ranked = [m for m in ranked if m != "centralised"]
        self.best = self.ranked[0] if self.ranked else None
        ours = self.seeds(self.best, "personalised_accuracy_mean") if self.best else None
        self.contrasts = {
            m: paired(ours, self.seeds(m, "personalised_accuracy_mean"))
            for m in ranked
            if ours is not None and m != self.best
        }
        self.federated = [m for m in self.ranked if m not in NOT_FEDERATED]
        self.harmed = harm_by_method(comparison, self.wide, self.federated, chosen)

    def seeds(self, method: str, metric: str, *, dated: bool = True) -> pd.Series[float]:
        """A metric of a method by seed, at the round that was chosen where it is dated."""
        return by_seed(self.wide, method, f"{metric}_{self.chosen}" if dated else metric)

    def mean(self, method: str, metric: str, *, dated: bool = True) -> float:
        """Its mean over seeds; NaN where it was not measured."""
        return over_seeds(self.seeds(method, metric, dated=dated)).mean

    def title(self, method: str) -> str:
        """The printed name of a method."""
        return self.comparison.titles.get(method, method)
