"""How many? Every sample has a count; a model puts out the logarithm of the expected one.

y [n] float32, whole numbers from 0 on. Baseline: the rate.

    loss        mu - y log mu, the Poisson likelihood without its constant, mu = exp(output)

Training may see y / m, where m is the mean of all training samples; mu is then m exp(output), so
that training starts near the rate m and the loss is that of y over m, up to a constant: the same
minimiser, with gradients of order one for every m. Measures and predictions stay in counts.

    deviance    2 mean(y log(y / mu) - y + mu)
    MAE         mean absolute error of mu
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unalike.core.loss import Loss, SampleLoss
from unalike.core.named_losses import log_shares_of
from unalike.errors import InputError
from unalike.measures.groups import Floats, Ints, by_group, ratio

from .measure import NUMBER, Measure
from .quantity import beside, quantile_strata
from .samples import Array, Samples
from .sums import Sums, zeros_like
from .target_scale import TargetScale
from .task import Baseline, Shape, Strata, Task
from .values import numbers_of, whole


class Parts(NamedTuple):
    """Sums over the samples of each group."""

    deviance: Floats  # [groups]
    absolute: Floats  # [groups] of errors


def _deviance(sums: Sums) -> Floats:
    return ratio(sums.parts.deviance, sums.size)


def _mae(sums: Sums) -> Floats:
    return ratio(sums.parts.absolute, sums.size)


def _poisson(output: Tensor, y: Tensor) -> Tensor:
    log_rate = beside(output, y)
    return log_rate.exp() - y * log_rate


def _mean_rate(outputs: Tensor, shares: Tensor) -> Tensor:
    return torch.logsumexp(log_shares_of(shares, outputs) + outputs, 0)


DEVIANCE = Measure(
    "poisson_deviance",
    "Poisson deviance",
    False,
    _deviance,
    bounds=(0.0, np.inf),
    heading="deviance",
    meaning="How far expected counts are from those seen, 0 where they are equal.",
    formula="2 mean(y log(y / μ) - y + μ)",
)
MAE = Measure(
    "mae",
    "MAE",
    False,
    _mae,
    bounds=(0.0, np.inf),
    meaning="Mean absolute error of the expected count.",
    formula="mean of |μ - y|",
)
POISSON = SampleLoss(_poisson, mixture=_mean_rate)


def _counts_and_log_rates(samples: Samples) -> tuple[Floats, Floats]:
    y = samples.truth.astype(np.float64)
    return y, samples.output.reshape(y.shape).astype(np.float64)


def _deviances(y: Floats, log_rate: Floats) -> Floats:
    from scipy.special import xlogy

    found: Floats = 2 * (xlogy(y, y) - y * log_rate - y + np.exp(log_rate))
    return found


@dataclass(frozen=True)
class Counts(Task):
    """A number of events."""

    target_scale: TargetScale | None = field(default=None, compare=False)

    name: ClassVar[str] = "counts"
    has_unit: ClassVar[bool] = True
    title: ClassVar[str] = "a count"
    usual: ClassVar[str] = "poisson_deviance"
    standard_measures: ClassVar[tuple[Measure, ...]] = (DEVIANCE, MAE)

    @classmethod
    def read(cls, y: Any, *, name: str = "y") -> tuple[Task, Array]:
        """Whole numbers [n], none below zero."""
        array = numbers_of(y, name)
        if array.ndim != 1:
            raise InputError(f"{name} must be one count a sample, not {list(array.shape[1:])}.")
        if (array < 0).any():
            raise InputError(
                f"{name} is {array.min():g} for sample {array.argmin()}, but counts are never "
                "below zero: say --task regression if these are quantities."
            )
        if not whole(array):
            first = array[(array != np.floor(array)).argmax()]
            raise InputError(
                f"{name} holds {first:g}, which is no count: say --task regression if these are "
                "quantities."
            )
        return cls(), array.astype(np.float32)

    @classmethod
    def of(cls, outputs: int, y_shape: Shape = (), names: tuple[str, ...] = ()) -> Counts:
        return cls()

    def scale_of(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> TargetScale:
        """Counts over their mean; as they are where all are zero."""
        return TargetScale(centre=(0.0,), spread=(mean[0] if mean[0] > 0 else 1.0,))

    def on_scale(self, scale: TargetScale | None) -> Counts:
        return replace(self, target_scale=scale)

    @property
    def output_scale(self) -> TargetScale | None:
        if self.target_scale is None:
            return None
        return TargetScale(centre=(math.log(self.target_scale.spread[0]),), spread=(1.0,))

    def scale_text(self) -> str:
        return "" if self.target_scale is None else f"over {self.target_scale.spread[0]:.4g}"

    def in_unit(self, y: Array) -> Array:
        return np.rint(super().in_unit(y))

    @property
    def outputs(self) -> Shape:
        return (1,)

    @property
    def needs(self) -> str:
        return "the logarithm of the expected count"

    def fits(self, shape: Shape) -> bool:
        return shape in ((), (1,))

    @property
    def losses(self) -> Mapping[str, Loss]:
        return {"poisson": POISSON}

    def predictions(self, output: Tensor) -> dict[str, Tensor]:
        return {"prediction": self.output_in_unit(output).reshape(len(output)).exp()}

    def parts(self, samples: Samples, sizes: Ints, addable: bool) -> Parts:
        y, log_rate = _counts_and_log_rates(samples)
        absolute = np.abs(np.exp(log_rate) - y)
        return Parts(by_group(_deviances(y, log_rate), sizes), by_group(absolute, sizes))

    def sample_scores(self, samples: Samples, sizes: Ints) -> Floats:
        return _deviances(*_counts_and_log_rates(samples))

    def without_details(self, parts: Parts) -> Parts:
        nothing: Parts = zeros_like(parts)
        return nothing._replace(deviance=parts.deviance)

    def no_truth(self) -> Tensor:
        return torch.zeros(0)

    def baseline(self, y: Array) -> Baseline:
        rate = float(self.in_unit(y).mean(dtype=np.float64))
        scale = 1.0 if self.target_scale is None else self.target_scale.spread[0]
        seen = max(rate, 0.5 / len(y))  # half an event where there is none
        output = torch.tensor([seen / scale]).log()
        return Baseline("the rate", f"the rate: {NUMBER.number(rate)} a sample", output)

    def strata(self, y: Array) -> Strata:
        return quantile_strata(self.in_unit(y))
