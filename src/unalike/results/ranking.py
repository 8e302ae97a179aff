"""Who leads a comparison, by how much, and at whose expense: the numbers behind its verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .alpha_spending import level_of
from .columns import Chosen
from .comparison import Comparison
from .evidence import Question, questions_of
from .harm import harm_by_method
from .intervals import Interval, over_seeds, paired
from .table import NOT_FEDERATED, aggregates, by_seed, diverged, seed_count


class Ranking:
    """The methods of a comparison by personalised score, and what the seeds say of each.

    The score is the main measure of the comparison's task.
    """

    def __init__(self, comparison: Comparison, chosen: Chosen) -> None:
        self.comparison = comparison
        self.measure = comparison.task.main
        personalised = self.metric("personalised", "mean")
        self.chosen: Chosen = chosen
        self.wide = aggregates(comparison)
        self.failed = diverged(self.wide)
        self.when = "round chosen by validation" if chosen == "best" else "last round"
        methods = [str(m) for m in self.wide.index.get_level_values("method").unique()]
        self.means = {m: self.mean(m, personalised) for m in methods}
        ranked = sorted(
            (m for m in methods if m not in self.failed and np.isfinite(self.means[m])),
            key=lambda m: self.measure.key(self.means[m]),
        )
        self.ranked = [m for m in ranked if m != "centralised"]
        self.best = self.ranked[0] if self.ranked else None
        ours = self.seeds(self.best, personalised) if self.best else None
        self.shared = {m: self.in_common(self.best, m) for m in ranked if m != self.best}
        self.contrasts = {
            m: self.gain(ours, self.seeds(m, personalised), self.shared[m] or 0.0)
            for m in ranked
            if ours is not None and m != self.best
        }
        self.gains: dict[str, NDArray[np.float64]] = {
            m: np.asarray(self._paired(ours, self.seeds(m, personalised)), np.float64)
            for m in self.ranked
            if ours is not None and m != self.best
        }
        self.looks = tuple(int(n) for n in comparison.settings.get("looks", ()))
        self.level = level_of(seed_count(self.wide), self.looks)
        self.questions = self.questions_at(self.level)
        self.federated = [m for m in self.ranked if m not in NOT_FEDERATED]
        self.harmed = harm_by_method(comparison, self.wide, self.federated, chosen)

    def metric(self, family: str, statistic: str = "") -> str:
        """The name in the frame: "personalised", "mean" -> "personalised_accuracy_mean"."""
        return "_".join(filter(None, (family, self.measure.name, statistic)))

    def gain(
        self, ours: pd.Series[float], theirs: pd.Series[float], shared: float = 0.0
    ) -> Interval:
        """By how much ours is better than theirs, paired by seed; shared: see `paired_p`."""
        return paired(self.measure.key(theirs), self.measure.key(ours), self.measure.bounds, shared)

    def questions_at(self, level: float) -> tuple[Question, ...]:
        """What is asked of the leader, where p below this level decides."""
        shared = {m: variance for m, variance in self.shared.items() if variance is not None}
        return questions_of(self.best, self.gains, level, self.looks, shared)

    def in_common(self, ours: str | None, theirs: str) -> float | None:
        """The variance of their mean personalised difference that all seeds share, where known."""
        if ours is None:
            return None
        personalised = self.metric("personalised", "mean")
        both = self._paired(self.seeds(ours, personalised), self.seeds(theirs, personalised))
        seeds = [int(seed) for seed in both.index]
        return self.comparison.samples[self.chosen].variance(ours, theirs, seeds)

    def _paired(self, ours: pd.Series[float], theirs: pd.Series[float]) -> pd.Series[float]:
        """By how much ours is better than theirs, on each seed that both have."""
        return self.measure.key(theirs).sub(self.measure.key(ours)).dropna()

    def top(self, methods: list[str], means: dict[str, float]) -> str:
        """The method of the best mean."""
        return min(methods, key=lambda m: self.measure.key(means[m]))

    def seeds(self, method: str, metric: str, *, dated: bool = True) -> pd.Series[float]:
        """A metric of a method by seed, at the round that was chosen where it is dated."""
        return by_seed(self.wide, method, f"{metric}_{self.chosen}" if dated else metric)

    def mean(self, method: str, metric: str, *, dated: bool = True) -> float:
        """Its mean over seeds; NaN where it was not measured."""
        return over_seeds(self.seeds(method, metric, dated=dated)).mean

    def title(self, method: str) -> str:
        """The printed name of a method."""
        return self.comparison.titles.get(method, method)
