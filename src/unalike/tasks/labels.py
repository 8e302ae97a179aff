"""Which labels? Every sample has any number of L labels; a model puts out L logits.

y [n, L] float32 of zeros and ones. Baseline: each label's share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unalike.core.loss import Loss
from unalike.core.named_losses import BINARY_CROSS_ENTROPY
from unalike.errors import InputError
from unalike.measures import ranking
from unalike.measures.groups import Floats, Ints, mean_over
from unalike.measures.tally import Tally, impossible, tally, without_classes

from .classes import BINNED, histograms, numbered, tallied_measures
from .measure import SHARE, Measure
from .samples import Array, Samples
from .sums import Sums, zeros_like
from .task import Baseline, Shape, Strata, Task
from .values import numbers_of


class Parts(NamedTuple):
    """What groups of predictions hold."""

    tally: Tally
    precision: Floats  # [groups, labels] average precision times the samples with the label
    held: Floats  # [groups, labels]
    histogram: ranking.Histogram  # [groups, labels, bins]


def _mean_average_precision(sums: Sums) -> Floats:
    parts: Parts = sums.parts
    known = parts.held > 0
    value = np.divide(parts.precision, parts.held, out=np.zeros_like(parts.held), where=known)
    if not sums.alone.all():
        value = np.where(sums.alone[:, None], value, parts.histogram.average_precision)
    return mean_over(value, known)


ACCURACY, BALANCED_ACCURACY, MACRO_F1 = tallied_measures(many_labels=True)
MEAN_AVERAGE_PRECISION = Measure(
    "mean_average_precision",
    "mean average precision",
    True,
    _mean_average_precision,
    SHARE,
    (0.0, 1.0),
    BINNED,
    heading="mean AP",
    meaning="Precision averaged over the samples that have a label, mean over labels.",
    formula="mean over labels of ∑ precision at k ⋅ recall gained at k",
)


@dataclass(frozen=True)
class Labels(Task):
    """Any number of several labels."""

    names: tuple[str, ...]  # [L]

    name: ClassVar[str] = "labels"
    title: ClassVar[str] = "any number of several labels"
    usual: ClassVar[str] = "accuracy"
    standard_measures: ClassVar[tuple[Measure, ...]] = (
        ACCURACY,
        BALANCED_ACCURACY,
        MACRO_F1,
        MEAN_AVERAGE_PRECISION,
    )

    @classmethod
    def read(cls, y: Any, *, name: str = "y") -> tuple[Task, Array]:
        """Zeros and ones [n, L]."""
        array = numbers_of(y, name)
        if array.ndim != 2:
            raise InputError(
                f"{name} must have a column for each label, [samples, labels], but its shape is "
                f"{list(array.shape)}: say --task classes if a sample has one class."
            )
        if not np.isin(array, (0, 1)).all():
            wrong = array[~np.isin(array, (0, 1))][0]
            raise InputError(f"{name} holds {wrong:g}, but labels are 0 or 1.")
        return cls(numbered(array.shape[1])), array.astype(np.float32)

    @classmethod
    def of(cls, outputs: int, y_shape: Shape = (), names: tuple[str, ...] = ()) -> Labels:
        return cls(names or numbered(outputs))

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.names

    @property
    def outputs(self) -> Shape:
        return (len(self.names),)

    @property
    def needs(self) -> str:
        return f"one for each of {len(self.names)} labels"

    @property
    def losses(self) -> Mapping[str, Loss]:
        return {"binary_cross_entropy": BINARY_CROSS_ENTROPY}

    def predictions(self, output: Tensor) -> dict[str, Tensor]:
        return {"prediction": output > 0, "probability": torch.sigmoid(output)}

    def parts(self, samples: Samples, sizes: Ints, addable: bool) -> Parts:
        output, truth = samples.output, samples.truth
        labels = len(self.names)
        counted = tally(output > 0, truth, sizes, labels)
        odds = np.ascontiguousarray(output.T, dtype=np.float64)
        members = [truth[:, label] > 0.5 for label in range(labels)]
        precision = np.stack(
            [ranking.average_precision(odds[c], m, sizes) for c, m in enumerate(members)], 1
        )
        return Parts(
            counted,
            np.nan_to_num(precision) * counted.actual,
            counted.actual,
            histograms(odds, members, sizes, addable),
        )

    def sample_scores(self, samples: Samples, sizes: Ints) -> Floats:
        right: Floats = ((samples.output > 0) == (samples.truth > 0.5)).mean(1)
        return right

    def possible(self, parts: Any, sizes: Floats) -> bool:
        return not impossible(parts.tally, sizes).any()

    def without_details(self, parts: Parts) -> Parts:
        nothing: Parts = zeros_like(parts)
        return nothing._replace(tally=without_classes(parts.tally, many_labels=True))

    def no_truth(self) -> Tensor:
        return torch.zeros(0, len(self.names))

    def baseline(self, y: Array) -> Baseline:
        held = y.sum(0, dtype=np.float64)
        odds = torch.from_numpy(np.log((held + 1) / (len(y) - held + 1)))
        name = "the share of each label"
        text = (
            f"{name}: from {SHARE.text(held.min() / len(y))} to {SHARE.text(held.max() / len(y))}"
        )
        return Baseline(name, text, odds.to(torch.float32))

    def strata(self, y: Array) -> Strata:
        return Strata(self.names, y > 0.5)
