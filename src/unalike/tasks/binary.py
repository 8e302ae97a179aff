"""Yes or no? A model puts out one logit, of yes, or two, of no and of yes: both count alike.

y [n] int64, 1 for yes: the later of two names, such as 1, true, yes, or the one that is said.
Baseline: the larger class.

    sensitivity     the largest share of yes that is found where a given share of no (the
                    specificity) is left out; for each of `SPECIFICITIES`
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unalike.core.loss import Loss, SampleLoss
from unalike.core.named_losses import CROSS_ENTROPY, mixed_probabilities
from unalike.errors import InputError, unknown
from unalike.measures import ranking
from unalike.measures.groups import Floats, Ints, by_group, ratio
from unalike.measures.tally import Answers, answers, impossible

from . import classes
from .classes import Classes
from .measure import SHARE, Measure
from .samples import Array, Samples
from .sums import Sums, zeros_like
from .task import Shape, Task

SPECIFICITIES = (0.8, 0.9, 0.95, 0.99)


class Parts(NamedTuple):
    """What groups of predictions hold."""

    classes: classes.Parts
    found: Floats  # [groups, specificities] yes that is found at the group's own threshold
    yes: Floats  # [groups]; zero where there is no "no"


def _two(output: Tensor) -> Tensor:
    """One logit [B] or [B, 1] as two [B, 2]; two as they are."""
    if output.dim() > 1 and output.shape[-1] == 2:
        return output
    yes = output if output.dim() == 1 else output.squeeze(-1)
    return torch.stack([torch.zeros_like(yes), yes], -1)


def _log_loss(output: Tensor, y: Tensor) -> Tensor:
    if output.dim() > 1 and output.shape[-1] == 2:
        return CROSS_ENTROPY.each(output, y)
    yes = output.reshape(y.shape)
    return functional.binary_cross_entropy_with_logits(yes, y.to(yes.dtype), reduction="none")


def _mixture(outputs: Tensor, shares: Tensor) -> Tensor:
    two = mixed_probabilities(torch.stack([_two(o) for o in outputs]), shares)
    if outputs.dim() > 2 and outputs.shape[-1] == 2:
        return two
    return (two[..., 1] - two[..., 0]).reshape(outputs.shape[1:])


def _auc(sums: Sums) -> Floats:
    parts: classes.Parts = sums.parts.classes
    exact = parts.pairs.auc[:, 1]
    return exact if sums.alone.all() else np.where(sums.alone, exact, parts.histogram.auc[:, 1])


def _of_classes(measure: Measure) -> Measure:
    def how(sums: Sums) -> Floats:
        return measure.how(sums._replace(parts=sums.parts.classes))

    return replace(measure, how=how)


def _sensitivity_at(specificity: float) -> Measure:
    at = SPECIFICITIES.index(specificity)

    def how(sums: Sums) -> Floats:
        exact = ratio(sums.parts.found[:, at], sums.parts.yes)
        if sums.alone.all():
            return exact
        binned = sums.parts.classes.histogram.sensitivity(specificity)[:, 1]
        return np.where(sums.alone, exact, binned)

    percent = f"{specificity:.0%}".rstrip("%")
    return Measure(
        f"sensitivity_at_{percent}",
        f"sensitivity at {percent} % specificity",
        True,
        how,
        SHARE,
        (0.0, 1.0),
        classes.BINNED,
        heading=f"sens. at {percent} %",
        meaning=f"Share of yes found where {percent} % of no are left out.",
        formula="max recall of yes with enough recall of no",
    )


PLAIN = (
    classes.ACCURACY,
    classes.BALANCED_ACCURACY,
    classes.MACRO_F1,
    classes.LOG_LOSS,
    classes.CALIBRATION_ERROR,
)
AUC = replace(
    classes.AUC,
    how=_auc,
    meaning="How often a sample that is yes is ranked above one that is no.",
    formula="P(score of a yes > score of a no)",
)
BINARY_CROSS_ENTROPY = SampleLoss(_log_loss, mixture=_mixture, of_classes=True)


@dataclass(frozen=True)
class Binary(Classes):
    """One of two classes, the second of which is asked for."""

    name: ClassVar[str] = "binary"
    title: ClassVar[str] = "yes or no"
    standard_measures: ClassVar[tuple[Measure, ...]] = (
        *map(_of_classes, PLAIN),
        AUC,
        *map(_sensitivity_at, SPECIFICITIES),
    )

    @classmethod
    def read(cls, y: Any, *, name: str = "y", classes: int | None = None) -> tuple[Task, Array]:
        """Two names or numbers; the later in their natural order is yes."""
        task, array = super().read(y, name=name, classes=classes)
        if len(task.names) != 2:  # type: ignore[attr-defined]
            count = len(task.names)  # type: ignore[attr-defined]
            raise InputError(
                f"{name} has {count} class{'es' if count != 1 else ''}, but the task 'binary' "
                "asks for one of two: say --task classes."
            )
        return task, array

    def with_positive(self, name: str) -> Binary:
        if name not in self.names:
            raise unknown("class", name, self.names)
        return self if name == self.names[1] else Binary(self.names[::-1])

    def notes(self) -> list[str]:
        no, yes = self.names
        return [
            f"yes = {yes!r}, no = {no!r}: sensitivities are shares of {yes!r} that are found; "
            f"change it with --positive {shlex.quote(no)}."
        ]

    @property
    def needs(self) -> str:
        return "one for each of two classes, or one for yes alone"

    def fits(self, shape: Shape) -> bool:
        return shape in ((), (1,), (2,))

    @property
    def losses(self) -> Mapping[str, Loss]:
        return {"binary_cross_entropy": BINARY_CROSS_ENTROPY}

    def predictions(self, output: Tensor) -> dict[str, Tensor]:
        return super().predictions(_two(output))

    def each(self, output: Array, truth: Array) -> classes.Each:
        return super().each(_two(torch.from_numpy(output)).numpy(), truth)

    def parts(self, samples: Samples, sizes: Ints, addable: bool) -> Any:
        each: classes.Each = samples.each
        odds, yes = each.odds[:, 1], each.truth == 1
        above = ranking.thresholds(odds, yes, sizes)
        held = by_group(yes, sizes)
        held = np.where(held < sizes, held, 0.0)
        found = np.nan_to_num(above.sensitivity(SPECIFICITIES)) * held[:, None]
        pairs = self._pairs(each, sizes) if np.isnan(odds).any() else above.pairs_of_two
        return Parts(self._parts(each, sizes, addable, pairs), found, held)

    def answers(self, sums: Sums) -> Answers:
        return answers(sums.parts.classes.tally)

    def possible(self, parts: Any, sizes: Floats) -> bool:
        return not impossible(parts.classes.tally, sizes).any()

    def without_details(self, parts: Any) -> Any:
        nothing: Parts = zeros_like(parts)
        return nothing._replace(classes=super().without_details(parts.classes))
