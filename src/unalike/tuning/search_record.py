"""What a search has tried and found, as it is kept in a study's folder.

tuning.json    in the folder of a study that was tuned
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from unalike.errors import InputError

from .search_space import Axis, SearchSpace


class Judgement(BaseModel):
    """How a trial did at a rung, on validation samples."""

    model_config = ConfigDict(frozen=True)

    rounds: int
    gradients: int  # of single samples, up to there
    value: float | None  # of the main measure, mean over seeds; None where it diverged
    loss: float | None

    def key(self, *, higher_is_better: bool) -> tuple[float, float]:
        """Smaller is better: by the main measure, then by the loss."""
        if self.value is None or self.loss is None or math.isnan(self.value):
            return math.inf, math.inf
        return -self.value if higher_is_better else self.value, self.loss


class Trial(BaseModel):
    """Settings that were tried."""

    model_config = ConfigDict(frozen=True)

    settings: dict[str, float | int]  # what the search gave; nothing: the method's defaults
    judged: tuple[Judgement, ...]  # one a rung, as far as the trial came

    @property
    def gradients(self) -> int:
        """All that it took."""
        return self.judged[-1].gradients


class MethodSearch(BaseModel):
    """The search of one method."""

    model_config = ConfigDict(frozen=True)

    axes: tuple[Axis, ...]  # the most important first
    trials: tuple[Trial, ...]  # the first with the method's defaults
    order: tuple[int, ...]  # trials, the best first, see `order_of`

    @property
    def space(self) -> SearchSpace:
        """What was searched."""
        return SearchSpace(self.axes)

    @property
    def best(self) -> Trial:
        """The trial whose settings were chosen."""
        return self.trials[self.order[0]]

    def rank(self, trial: int) -> int:
        """The place of a trial, from 1."""
        return self.order.index(trial) + 1

    @property
    def rank_of_defaults(self) -> int:
        """The place of the method's own defaults."""
        return self.rank(0)

    @property
    def gradients(self) -> int:
        """What the search took of the method, in gradients of single samples."""
        return sum(trial.gradients for trial in self.trials)


class SearchRecord(BaseModel):
    """The search of a study."""

    model_config = ConfigDict(frozen=True)

    measure: str  # the main measure that trials were judged by
    higher_is_better: bool
    whole_run: int  # gradients that a run of FedAvg takes: the unit of the budget
    budget: float  # of each method, in whole runs
    searches: dict[str, MethodSearch]  # by label


def order_of(trials: Sequence[Trial], *, higher_is_better: bool) -> tuple[int, ...]:
    """The trials, the best first.

    Who did not diverge, then who came further, then who did better there, then the earlier.
    """

    def key(k: int) -> tuple[float, ...]:
        judged = trials[k].judged
        last = judged[-1].key(higher_is_better=higher_is_better)
        return float(math.isinf(last[0])), -len(judged), *last, k

    return tuple(sorted(range(len(trials)), key=key))


def parse_record(text: str, source: str) -> SearchRecord:
    """What `SearchRecord.model_dump_json` wrote.

    Raises:
        InputError: it is something else.
    """
    try:
        return SearchRecord.model_validate_json(text)
    except ValueError:
        raise InputError(
            f"{source} is damaged: take it from a backup, or begin the study anew."
        ) from None


def chosen_settings(record: SearchRecord) -> dict[str, dict[str, Any]]:
    """By label what the search has chosen; nothing of those that kept their defaults."""
    return {label: dict(one.best.settings) for label, one in record.searches.items()}
