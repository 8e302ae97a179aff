"""How long until? Every sample has a time, and whether the event was seen then or not yet.

y [n, 2] float32: time above or at zero, event 0 or 1. A model puts out one number, the logarithm
of the risk. Baseline: the same risk for all, whose times follow Kaplan and Meier's curve.

Risks of different models cannot be compared, so the index of clients together is that of the pairs
within a client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from unalike.core.loss import Loss
from unalike.errors import InputError
from unalike.measures.baseline_hazard import BaselineHazard, breslow
from unalike.measures.concordance import Concordance, concordance
from unalike.measures.groups import Floats, Ints
from unalike.measures.kaplan_meier import SurvivalCurve, kaplan_meier

from .cox import CoxLoss
from .measure import NUMBER, SHARE, Measure
from .quantity import quantile_strata
from .samples import Array, Samples
from .sums import Sums, added
from .task import Baseline, Shape, Strata, Task
from .values import numbers_of


def _index(sums: Sums) -> Floats:
    index: Floats = sums.parts.c_index
    return index


C_INDEX = Measure(
    "c_index",
    "C-index",
    True,
    _index,
    SHARE,
    (0.0, 1.0),
    "of the pairs within each group",
    meaning="Share of the pairs whose order of events is known in which the earlier one was said "
    "to be at more risk.",
    formula="P(risk of the earlier > risk of the later)",
)
COX = CoxLoss()


@dataclass(frozen=True)
class Survival(Task):
    """The time until an event."""

    name: ClassVar[str] = "survival"
    title: ClassVar[str] = "the time until an event"
    usual: ClassVar[str] = "c_index"
    relative_risk: ClassVar[bool] = True
    standard_measures: ClassVar[tuple[Measure, ...]] = (C_INDEX,)

    @classmethod
    def read(cls, y: Any, *, name: str = "y") -> tuple[Task, Array]:
        """Two columns, time and event, or records of both."""
        array = numbers_of(y, name)
        if array.ndim != 2 or array.shape[1] != 2:
            raise InputError(
                f"{name} must have two columns, time and event, but its shape is "
                f"{list(array.shape)}."
            )
        time, event = array.T
        if (time < 0).any():
            raise InputError(
                f"The time of {name} is {time.min():g} for sample {time.argmin()}: times are never "
                "below zero."
            )
        if not np.isin(event, (0, 1)).all():
            wrong = event[~np.isin(event, (0, 1))][0]
            raise InputError(
                f"The event of {name} is {wrong:g}, but it must be 1 where it was seen and 0 where "
                "it was not."
            )
        if not event.any():
            raise InputError(f"{name} has no event at all, so nothing can be learned of them.")
        return cls(), array.astype(np.float32)

    @classmethod
    def of(cls, outputs: int, y_shape: Shape = (), names: tuple[str, ...] = ()) -> Survival:
        return cls()

    @property
    def outputs(self) -> Shape:
        return (1,)

    @property
    def needs(self) -> str:
        return "the logarithm of the risk"

    def fits(self, shape: Shape) -> bool:
        return shape in ((), (1,))

    @property
    def losses(self) -> Mapping[str, Loss]:
        return {"cox": COX}

    def check_clients(self, y: Array, owner: Ints, names: tuple[str, ...]) -> None:
        held = np.bincount(owner, minlength=len(names))
        events = np.bincount(owner, weights=y[:, 1], minlength=len(names))
        without = np.flatnonzero((held > 0) & (events == 0))
        if len(without):
            client = without[0]
            raise InputError(
                f"Client {names[client]!r} has no event among its {held[client]} training samples, "
                "so Cox's likelihood says nothing there: leave it out or join it with another."
            )

    def predictions(self, output: Tensor) -> dict[str, Tensor]:
        return {"prediction": output.reshape(len(output))}

    def parts(self, samples: Samples, sizes: Ints, addable: bool) -> Concordance:
        output, truth = samples.output, samples.truth
        risk = output.reshape(len(truth)).astype(np.float64)
        return concordance(risk, truth[:, 0].astype(np.float64), truth[:, 1] > 0.5, sizes)

    def together(self, samples: Samples, sizes: Ints) -> Sums:
        within: Sums = added(self.sums(samples, sizes, addable=True))
        return within

    def possible(self, parts: Concordance, sizes: Floats) -> bool:
        right, pairs = parts.right, parts.comparable
        return bool(((right >= 0) & (right <= pairs) & (pairs <= sizes**2)).all())

    def without_details(self, parts: Concordance) -> Concordance:
        return parts

    def no_truth(self) -> Tensor:
        return torch.zeros(0, 2)

    def baseline(self, y: Array) -> Baseline:
        median = self.curve(y).median
        said = "is not reached" if np.isinf(median) else NUMBER.number(median)
        name = "the same risk for all"
        return Baseline(name, f"{name}: median time {said} (Kaplan-Meier)", torch.zeros(1))

    def curve(self, y: Array) -> SurvivalCurve:
        """Kaplan and Meier's estimate from y [n, 2]."""
        return kaplan_meier(y[:, 0].astype(np.float64), y[:, 1] > 0.5)

    def baseline_hazard(self, output: Array, truth: Array) -> BaselineHazard:
        risk = output.reshape(len(truth)).astype(np.float64)
        return breslow(risk, truth[:, 0].astype(np.float64), truth[:, 1] > 0.5)

    def strata(self, y: Array) -> Strata:
        times = quantile_strata(y[:, 0])
        names = [f"{kind} {part}" for kind in ("event", "none by") for part in times.names]
        later = np.where(y[:, 1] > 0.5, 0, len(times.names))
        text = f"Times are looked at in {len(times.names)} ranges, with and without an event."
        return Strata(tuple(names), times.member + later, text)
