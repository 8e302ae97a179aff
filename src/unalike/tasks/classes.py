"""Which class? Every sample is of one of C classes; a model puts out C logits.

y [n] int64 in 0..C-1. Baseline: the largest class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unalike.core.loss import Loss
from unalike.core.named_losses import CROSS_ENTROPY
from unalike.errors import InputError
from unalike.measures import classification, ranking
from unalike.measures.calibration import Reliability, reliability
from unalike.measures.groups import Floats, Ints, by_group, mean_over, ratio
from unalike.measures.tally import Answers, Tally, answers, impossible, tally, without_classes

from .measure import SHARE, Measure
from .natural_order import in_order
from .samples import Array, Samples
from .sums import Sums, zeros_like
from .task import Baseline, Shape, Strata, Task
from .values import values_of, whole

FEWEST = 10
"""Samples of clients with several classes, from which on one class at each is no accident."""


class Each(NamedTuple):
    """What is worked out of each prediction."""

    said: Ints  # [n] the likeliest class
    truth: Ints  # [n]
    log_loss: Floats  # [n]
    confidence: Floats  # [n] the probability of `said`
    odds: Floats  # [n, classes] log odds, class by class in memory


class Parts(NamedTuple):
    """What groups of predictions hold."""

    tally: Tally
    log_loss: Floats  # [groups] sums
    reliability: Reliability
    pairs: ranking.Pairs  # [groups, classes] each class against all others
    histogram: ranking.Histogram  # [groups, classes, bins]


def macro_auc(sums: Sums) -> Floats:
    """The mean over classes that some but not all samples of the group have."""
    value = sums.parts.pairs.auc
    if not sums.alone.all():
        value = np.where(sums.alone[:, None], value, sums.parts.histogram.auc)
    return mean_over(value, ~np.isnan(value))


def _log_loss(sums: Sums) -> Floats:
    return ratio(sums.parts.log_loss, sums.size)


def _calibration_error(sums: Sums) -> Floats:
    found: Floats = sums.parts.reliability.error
    return found


def tallied_measures(*, many_labels: bool) -> tuple[Measure, Measure, Measure]:
    """Accuracy, balanced accuracy and macro F1, from the tally of a task's parts."""

    def counted(how: Callable[..., Floats]) -> Callable[[Sums], Floats]:
        return lambda sums: how(sums.parts.tally, many_labels=many_labels)

    share = partial(Measure, higher_is_better=True, unit=SHARE, bounds=(0.0, 1.0))
    return (
        share(
            "accuracy",
            "accuracy",
            how=counted(classification.accuracy),
            meaning="Share of samples predicted right; of labels, where a sample has many.",
            formula="right / all",
        ),
        share(
            "balanced_accuracy",
            "balanced accuracy",
            how=counted(classification.balanced_accuracy),
            heading="balanced",
            column="balanced",
            meaning="Mean recall over the classes that occur.",
            formula="mean over classes of right / held",
        ),
        share(
            "macro_f1",
            "macro F1",
            how=counted(classification.macro_f1),
            column="f1",
            meaning="Mean F1 over the classes that occur or are predicted.",
            formula="mean over classes of 2 right / (held + predicted)",
        ),
    )


BINNED = f"from histograms of {ranking.BINS} bins, approximately"

ACCURACY, BALANCED_ACCURACY, MACRO_F1 = tallied_measures(many_labels=False)
AUC = Measure(
    "auc",
    "AUC",
    True,
    macro_auc,
    SHARE,
    (0.0, 1.0),
    BINNED,
    meaning="How often a sample of a class is ranked above one of another, mean over classes.",
    formula="P(score of a member > score of another)",
)
LOG_LOSS = Measure(
    "log_loss",
    "log loss",
    False,
    _log_loss,
    bounds=(0.0, np.inf),
    meaning="Mean surprise at the right class.",
    formula="mean of -log p(class)",
)
CALIBRATION_ERROR = Measure(
    "calibration_error",
    "calibration error",
    False,
    _calibration_error,
    SHARE,
    (0.0, 1.0),
    meaning="How far the stated confidence is from the share that is right, in bins of confidence.",
    formula="mean over samples of |right - confidence| of their bin",
)


@dataclass(frozen=True)
class Classes(Task):
    """One of several classes."""

    names: tuple[str, ...]  # [C]

    name: ClassVar[str] = "classes"
    title: ClassVar[str] = "one of several classes"
    usual: ClassVar[str] = "accuracy"
    holds_classes: ClassVar[bool] = True
    standard_measures: ClassVar[tuple[Measure, ...]] = (
        ACCURACY,
        BALANCED_ACCURACY,
        MACRO_F1,
        AUC,
        LOG_LOSS,
        CALIBRATION_ERROR,
    )

    @classmethod
    def read(cls, y: Any, *, name: str = "y", classes: int | None = None) -> tuple[Task, Array]:
        """Any names or numbers, in the natural order of the names; one-hot rows [n, C] too.

        classes: C, where some may have no sample: then y must be 0..C-1 already.
        """
        array = values_of(y, name)
        if array.ndim == 2 and one_hot(array):
            return cls(numbered(array.shape[1])), array.argmax(1).astype(np.int64)
        if array.ndim > 1:
            raise InputError(
                f"{name} has {array.shape[1]} columns, which are not one class a sample: say "
                "--task labels if a sample may have several."
            )
        if array.dtype.kind == "f" and not whole(array):
            first = array[(array != np.floor(array)).argmax()]
            raise InputError(
                f"{name} holds {first:g}, which is no class: say --task regression if these are "
                "quantities."
            )
        if classes is not None:
            return cls(numbered(classes)), _in_range(array, classes, name)
        codes, names = in_order(array.astype(np.int64) if array.dtype.kind == "b" else array)
        return cls(names), codes

    @classmethod
    def of(cls, outputs: int, y_shape: Shape = (), names: tuple[str, ...] = ()) -> Classes:
        return cls(names or numbered(outputs))

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.names

    @property
    def outputs(self) -> Shape:
        return (len(self.names),)

    @property
    def needs(self) -> str:
        return f"one for each of {len(self.names)} classes"

    @property
    def losses(self) -> Mapping[str, Loss]:
        return {"cross_entropy": CROSS_ENTROPY}

    def predictions(self, output: Tensor) -> dict[str, Tensor]:
        return {"prediction": output.argmax(-1), "probability": torch.softmax(output, -1)}

    def each(self, output: Array, truth: Array) -> Each:
        said, truth = output.argmax(-1), truth.astype(np.int64, copy=False)
        logits, samples = output.T.astype(np.float64, order="C"), np.arange(len(truth))
        shifted = logits - logits[said, samples]
        relative = np.exp(shifted)
        log_total = np.log(relative.sum(0))
        odds = log_odds(logits, shifted, relative, said)
        return Each(said, truth, log_total - shifted[truth, samples], np.exp(-log_total), odds.T)

    def parts(self, samples: Samples, sizes: Ints, addable: bool) -> Any:
        each: Each = samples.each
        return self._parts(each, sizes, addable, self._pairs(each, sizes))

    def sample_scores(self, samples: Samples, sizes: Ints) -> Floats:
        each: Each = samples.each
        return (each.said == each.truth).astype(np.float64)

    def _pairs(self, each: Each, sizes: Ints) -> ranking.Pairs:
        return ranking.class_pairs(each.odds.T, each.truth, sizes)

    def _parts(self, each: Each, sizes: Ints, addable: bool, pairs: ranking.Pairs) -> Parts:
        truth, classes = each.truth, len(self.names)
        return Parts(
            tally(each.said, truth, sizes, classes),
            by_group(each.log_loss, sizes),
            reliability(each.confidence, each.said == truth, sizes),
            pairs,
            histograms(each.odds.T, [truth == c for c in range(classes)], sizes, addable),
        )

    def answers(self, sums: Sums) -> Answers:
        return answers(sums.parts.tally)

    def one_of(self, answers: Answers) -> str | None:
        """One class for everybody, or at each group one for all of its samples."""
        everybody = np.flatnonzero(answers.predicted)
        if len(everybody) == 1 and np.count_nonzero(answers.actual) > 1:
            return f"the class {self.names[everybody[0]]!r}"
        enough = answers.of_several.item() >= FEWEST
        return "one class at each client" if enough and not answers.apart.any() else None

    def possible(self, parts: Any, sizes: Floats) -> bool:
        return not impossible(parts.tally, sizes).any()

    def without_details(self, parts: Parts) -> Parts:
        nothing: Parts = zeros_like(parts)
        return nothing._replace(tally=without_classes(parts.tally, many_labels=False))

    def no_truth(self) -> Tensor:
        return torch.zeros(0, dtype=torch.int64)

    def baseline(self, y: Array) -> Baseline:
        held = np.bincount(y.astype(np.int64), minlength=len(self.names))
        top = int(held.argmax())
        share = torch.from_numpy((held + 1) / (held.sum() + len(held)))
        name = "the largest class"
        text = f"{name}: {self.names[top]}, {SHARE.text(held[top] / len(y))} of the samples"
        return Baseline(name, text, share.log().to(torch.float32))

    def strata(self, y: Array) -> Strata:
        return Strata(self.names, y.astype(np.int64))


def one_hot(array: Array) -> bool:
    """Whether each row [n, C] holds one 1 and else zeros."""
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "biuf":
        return False
    return bool(np.isin(array, (0, 1)).all() and (array.sum(1) == 1).all())


def log_odds(logits: Floats, shifted: Floats, relative: Floats, said: Ints) -> Floats:
    """log p - log(1 - p) of each class, without loss where p is close to 1: all [C, n] but said.

    shifted: logits less that of the likeliest class, `said` [n]; relative: exp of these.
    """
    if len(logits) == 2:
        return logits - logits[::-1]
    samples = np.arange(len(said))
    others = relative.copy()
    others[said, samples] = 0.0
    rest = others.sum(0)
    np.subtract(1 + rest, others, out=others)
    others[said, samples] = rest
    np.log(np.maximum(others, np.finfo(np.float64).tiny, out=others), out=others)
    return np.subtract(shifted, others, out=others)


def histograms(odds: Floats, members: list[Array], sizes: Ints, addable: bool) -> ranking.Histogram:
    """One a class or label, odds [classes, n]: [groups, classes, bins]; without bins where nothing
    is to be added."""
    if not addable:
        empty = np.zeros((len(sizes), len(members), 0))
        return ranking.Histogram(empty, empty)
    made = [ranking.histogram(odds[c], m, sizes) for c, m in enumerate(members)]
    return ranking.Histogram(*(np.stack(columns, 1) for columns in zip(*made, strict=True)))


def numbered(classes: int) -> tuple[str, ...]:
    """Names of classes that have no others."""
    return tuple(map(str, range(classes)))


def _in_range(array: Array, classes: int, name: str) -> Array:
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} must hold whole numbers 0..{classes - 1} where C is given.")
    numbers = array.astype(np.int64)
    if numbers.min() < 0 or numbers.max() >= classes:
        outside = numbers[(numbers < 0) | (numbers >= classes)][0]
        raise InputError(f"{name} holds the class {outside}, but there are {classes}: 0..C-1.")
    return numbers
