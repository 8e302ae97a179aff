"""How much? Every sample has one number, or k of them; a model puts out as many.

y [n] or [n, k] float32. Baseline: the mean. Training may put y on a scale of its own; measures and
predictions are in the unit of what is asked, the loss on the scale of training.

    RMSE    sqrt(mean squared error)
    MAE     mean absolute error
    R2      1 - squared errors / squared deviations from the group's own mean

Of several numbers a sample, each measure is the mean over them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unalike.core.loss import Loss, SampleLoss
from unalike.core.named_losses import mean_output
from unalike.errors import InputError
from unalike.measures.groups import Floats, Ints, ratio

from .measure import NUMBER, Measure
from .quantity import beside, quantile_strata
from .samples import Array, Samples
from .sums import Sums, zeros_like
from .target_scale import TargetScale
from .task import Baseline, Shape, Strata, Task, column_sums
from .values import numbers_of

MOST_LOST = 0.01
"""Share of the standard deviation that rounding to 32 bits may take."""

EQUAL = 1e-12
"""Share of their size by which equal quantities seem to differ, for rounding."""


class Parts(NamedTuple):
    """Sums over the samples of each group."""

    squared: Floats  # [groups, k] of errors
    absolute: Floats  # [groups, k] of errors
    y: Floats  # [groups, k], less the centre of training's scale
    y_squared: Floats  # [groups, k], of the same differences


def _rmse(sums: Sums) -> Floats:
    value: Floats = np.sqrt(ratio(sums.parts.squared, sums.size[:, None])).mean(1)
    return value


def _mae(sums: Sums) -> Floats:
    value: Floats = ratio(sums.parts.absolute, sums.size[:, None]).mean(1)
    return value


def _r2(sums: Sums) -> Floats:
    parts: Parts = sums.parts
    size = sums.size[:, None]
    deviations = parts.y_squared - ratio(parts.y**2, size)
    certain = deviations > EQUAL * parts.y_squared
    value: Floats = (1 - ratio(parts.squared, np.where(certain, deviations, 0))).mean(1)
    return value


def _over_targets(error: Callable[[Tensor, Tensor], Tensor]) -> SampleLoss:
    def losses(output: Tensor, y: Tensor) -> Tensor:
        errors = error(beside(output, y), y.to(output.dtype))
        return errors if errors.dim() == 1 else errors.sum(1)

    return SampleLoss(losses, mixture=mean_output)


LOSSES: dict[str, Loss] = {
    "squared_error": _over_targets(lambda output, y: (output - y) ** 2),
    "absolute_error": _over_targets(lambda output, y: (output - y).abs()),
    "huber": _over_targets(lambda output, y: functional.huber_loss(output, y, reduction="none")),
}
RMSE = Measure(
    "rmse",
    "RMSE",
    False,
    _rmse,
    bounds=(0.0, np.inf),
    meaning="Root of the mean squared error, in the unit of what is asked.",
    formula="√(mean of (prediction - y)²)",
)
MAE = Measure(
    "mae",
    "MAE",
    False,
    _mae,
    bounds=(0.0, np.inf),
    meaning="Mean absolute error, in the unit of what is asked.",
    formula="mean of |prediction - y|",
)
R2 = Measure(
    "r2",
    "R2",
    True,
    _r2,
    bounds=(-np.inf, 1.0),
    meaning="Share of the variance explained; 0 for the group's own mean, below for worse.",
    formula="1 - squared errors / squared deviations from the mean",
)


def _stored(array: Array, name: str) -> Array:
    """Quantities as they are kept: numbers of 32 bits.

    Raises:
        InputError: rounding would take more than a hundredth of how far they differ.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        stored = array.astype(np.float32)
        lost = np.sqrt(((stored - array) ** 2).mean(0))
        spread, size = array.std(0), np.abs(array).max(0)
    if ((lost > MOST_LOST * spread) & (spread > EQUAL * size)).any():
        raise InputError(
            f"{name} lies about {array.flat[0]:g} and differs by {spread.max():.3g} only, which "
            "numbers of 32 bits cannot hold: take a constant from it first."
        )
    return stored


def _errors(samples: Samples) -> Floats:
    errors: Floats = samples.output.reshape(samples.truth.shape) - samples.truth.astype(np.float64)
    return errors


@dataclass(frozen=True)
class Regression(Task):
    """One or several numbers."""

    targets: int = 1
    target_scale: TargetScale | None = field(default=None, compare=False)
    # the question is the same on every scale, and so is the network that answers it

    name: ClassVar[str] = "regression"
    has_unit: ClassVar[bool] = True
    title: ClassVar[str] = "a quantity"
    usual: ClassVar[str] = "rmse"
    standard_measures: ClassVar[tuple[Measure, ...]] = (RMSE, MAE, R2)

    @classmethod
    def read(cls, y: Any, *, name: str = "y") -> tuple[Task, Array]:
        """Finite numbers [n] or [n, k]."""
        array = numbers_of(y, name)
        if array.ndim > 2:
            raise InputError(
                f"{name} has the shape {list(array.shape)}, but a quantity is one number a "
                "sample, or a row of them."
            )
        return cls(1 if array.ndim == 1 else array.shape[1]), _stored(array, name)

    @classmethod
    def of(cls, outputs: int, y_shape: Shape = (), names: tuple[str, ...] = ()) -> Regression:
        return cls(outputs)

    def on_scale(self, scale: TargetScale | None) -> Regression:
        return replace(self, target_scale=scale)

    @property
    def outputs(self) -> Shape:
        return (self.targets,)

    @property
    def needs(self) -> str:
        return "the quantity itself" if self.targets == 1 else "one for each quantity"

    def fits(self, shape: Shape) -> bool:
        return shape == (self.targets,) or (shape == () and self.targets == 1)

    @property
    def losses(self) -> Mapping[str, Loss]:
        return LOSSES

    def predictions(self, output: Tensor) -> dict[str, Tensor]:
        flat = output.reshape(len(output), *self.no_truth().shape[1:])
        return {"prediction": self.output_in_unit(flat)}

    def sample_scores(self, samples: Samples, sizes: Ints) -> Floats:
        """By first order: rmse + (squared error - rmse²) / (2 rmse), mean over the targets."""
        squared = _errors(samples).reshape(len(samples.truth), -1) ** 2
        rmse = np.sqrt(ratio(column_sums(squared, sizes), sizes[:, None].astype(np.float64)))
        rmse = np.repeat(rmse, sizes, axis=0)
        found: Floats = (rmse + np.nan_to_num(ratio(squared - rmse**2, 2 * rmse))).mean(1)
        return found

    def parts(self, samples: Samples, sizes: Ints, addable: bool) -> Parts:
        y, error = samples.truth.astype(np.float64), _errors(samples)
        centred = y if self.target_scale is None else y - self.target_scale.middle
        columns = (error**2, np.abs(error), centred, centred**2)
        return Parts(*(column_sums(values, sizes) for values in columns))

    def without_details(self, parts: Parts) -> Parts:
        nothing: Parts = zeros_like(parts)
        return nothing._replace(squared=parts.squared)

    def no_truth(self) -> Tensor:
        return torch.zeros(0) if self.targets == 1 else torch.zeros(0, self.targets)

    def baseline(self, y: Array) -> Baseline:
        mean = y.astype(np.float64).reshape(len(y), -1).mean(0)
        said = np.atleast_1d(self.in_unit(mean))
        text = ", ".join(NUMBER.number(float(value)) for value in said)
        output = torch.from_numpy(mean).to(torch.float32)
        return Baseline("the mean", f"the mean: {text}", output)

    def strata(self, y: Array) -> Strata:
        return quantile_strata(self.in_unit(y).reshape(len(y), -1)[:, 0])
