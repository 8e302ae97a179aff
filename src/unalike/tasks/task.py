"""What a kind of question must answer, so that nobody else asks which one it is.

A task says what y is and what a model must put out for it, which losses and measures there are and
which of them count, what a simple guess reaches, and how samples fall into strata. One object
stands for one question of one federation: it knows the number of classes, say, and its names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.core.loss import Loss
from unalike.errors import InputError, unknown
from unalike.measures.baseline_hazard import BaselineHazard
from unalike.measures.groups import Floats, Ints, by_group, ratio

from .measure import Measure
from .samples import Array, Samples
from .sums import Losses, Parts, Sums, added, zeros_like
from .target_scale import TargetScale, Values

Shape = tuple[int, ...]

OF_ANY_SIZE: dict[str, Any] = {"over": "ignore", "invalid": "ignore"}
"""What numpy says of numbers that are infinite, as outputs of a model that diverged may be."""
TOLERANCE = 1e-6
"""By which rounding may carry a measure out of its bounds."""


class Baseline(NamedTuple):
    """A guess that does not look at x."""

    name: str  # "the largest class"
    text: str  # "the largest class: 3, 41.0 % of the samples"
    output: Tensor  # as a model would put it out for any sample: [...]


class Strata(NamedTuple):
    """Kinds of samples that a client may hold many or few of."""

    names: tuple[str, ...]
    member: Array  # [n] int64, the stratum of each sample, or [n, strata] bool
    text: str = ""  # what is said of them where they are no classes of the samples' own

    def counts(self, owner: Ints, clients: int) -> NDArray[np.int64]:
        """Samples of each stratum at each client: owner [n] -> [clients, strata]."""
        found = np.zeros((clients, len(self.names)), np.int64)
        if self.member.ndim == 1:
            np.add.at(found, (owner, self.member), 1)
        else:
            np.add.at(found, owner, self.member.astype(np.int64))
        return found


class Task(ABC):
    """One kind of question, for one federation."""

    name: ClassVar[str]
    title: ClassVar[str]
    usual: ClassVar[str]
    """The name of the measure that counts."""
    standard_measures: ClassVar[tuple[Measure, ...]]
    """All but those of users."""
    own: ClassVar[dict[str, tuple[Measure, ...]]] = {}
    """Measures of users by the name of their task; see `registry.register_measure`."""

    @classmethod
    @abstractmethod
    def read(cls, y: Any, *, name: str = "y") -> tuple[Task, Array]:
        """The task that asks for these values [n, ...], and the values as it wants them.

        Raises:
            InputError: values that are no answers to this kind of question; `name` is theirs.
        """

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of classes or labels; none where there are neither."""
        return ()

    holds_classes: ClassVar[bool] = False
    """Whether y [n] int64 are classes 0..C-1, with C logits."""

    relative_risk: ClassVar[bool] = False
    """Whether outputs are logarithms of risks, which say when only beside a baseline hazard."""

    has_unit: ClassVar[bool] = False
    """Whether y are quantities of any unit, so that training may put them on a scale of its own."""

    @property
    def target_scale(self) -> TargetScale | None:
        """The scale on which y and outputs are, where it is not the unit of what is asked."""
        return None

    @property
    def output_scale(self) -> TargetScale | None:
        """The scale on which outputs are, where y are on one; the same one, usually."""
        return self.target_scale

    def scale_of(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> TargetScale:
        """The scale for y of these means and standard deviations, one of each a target."""
        return TargetScale(centre=mean, spread=deviation)

    def on_scale(self, scale: TargetScale | None) -> Task:
        """The same question, with y on this scale and outputs to match.

        Raises:
            ValueError: its y have no unit.
        """
        if scale is not None:
            raise ValueError(f"The task {self.name!r} asks for nothing that has a unit.")
        return self

    def in_unit(self, y: Array) -> Array:
        """y [n, ...] in the unit of what is asked."""
        return y if self.target_scale is None else self.target_scale.in_unit(y)

    def output_in_unit(self, output: Values) -> Values:
        """Outputs [n, ...] as they would be had training seen y in its own unit."""
        return output if self.output_scale is None else self.output_scale.in_unit(output)

    def scaled(self, y: Array) -> Array:
        """The inverse of `in_unit` for y [n, ...]."""
        return y if self.target_scale is None else self.target_scale.scaled(y)

    def scale_text(self) -> str:
        """What becomes of y for training, in words; empty where it stays in its own unit."""
        if self.target_scale is None:
            return ""
        centre, spread = self.target_scale.centre, self.target_scale.spread
        return "; ".join(
            f"less {one:.4g}, over {other:.4g}" for one, other in zip(centre, spread, strict=True)
        )

    def with_positive(self, name: str) -> Task:
        """The same question, where the class of this name counts as yes.

        Raises:
            InputError: it asks for no yes or no, or has no such class.
        """
        raise InputError(
            f"--positive {name} names the class that counts as yes, but the task {self.name!r} "
            f"asks for {self.title}: leave it out."
        )

    def notes(self) -> list[str]:
        """What a reader must know of the answers, in sentences."""
        return []

    @classmethod
    @abstractmethod
    def of(cls, outputs: int, y_shape: Shape = (), names: tuple[str, ...] = ()) -> Task:
        """The task of values that are in its form already.

        outputs: how many classes, labels, tokens or targets there are; 1 for a number or a time.
        y_shape: of one sample's y. names: of classes or labels, where they have any.
        """

    @property
    @abstractmethod
    def outputs(self) -> Shape:
        """The shape of what a model must put out for one sample."""

    @property
    @abstractmethod
    def losses(self) -> Mapping[str, Loss]:
        """By name; the first is the usual one."""

    @abstractmethod
    def predictions(self, output: Tensor) -> dict[str, Tensor]:
        """What a model's output [n, ...] says, in the unit of what is asked.

        "prediction" first, all [n, ...].
        """

    def each(self, output: Array, truth: Array) -> Any:
        """What sums of groups need of each sample, however these are cut: see `Samples`.

        output as `reduced`, truth [n, ...], both in the unit of what is asked.
        """
        return ()

    @abstractmethod
    def parts(self, samples: Samples, sizes: Ints, addable: bool) -> Parts:
        """What the sums of groups of these sizes hold beside the losses."""

    def sample_scores(self, samples: Samples, sizes: Ints) -> Floats | None:
        """A number for each sample of groups of these sizes, whose mean is the main measure: [n].

        Of a measure that is no mean over samples it is that to first order: the measure of the
        group plus the sample's influence on it. None where a task knows of no such number.
        """
        return None

    @abstractmethod
    def without_details(self, parts: Parts) -> Parts:
        """Parts that give the same main measure, and say as little else as that allows."""

    def answers(self, sums: Sums) -> Any:
        """What groups tell of whether all samples get one answer: arrays [1, ...] that add up."""
        return ()

    def one_of(self, answers: Any) -> str | None:
        """The one answer of what groups tell, where their truths are several; or None."""
        return None

    def one_answer(self, sums: Sums) -> str | None:
        """The answer that all samples of all groups get, where their truths are several; or None.

        Only tasks with classes know of one; of hidden details nothing is known.
        """
        return self.one_of(self.answers(sums))

    @abstractmethod
    def baseline(self, y: Array) -> Baseline:
        """The best guess that knows only the training samples' y [n, ...]."""

    def baseline_hazard(self, output: Array, truth: Array) -> BaselineHazard:
        """The hazard over time of a sample whose output is zero, from training samples: [n, ...].

        Raises:
            NotImplementedError: outputs are no risks; see `relative_risk`.
        """
        raise NotImplementedError(self.name)

    @abstractmethod
    def strata(self, y: Array) -> Strata:
        """The kinds of these samples [n, ...]."""

    def check_clients(self, y: Array, owner: Ints, names: tuple[str, ...]) -> None:
        """Raise InputError, naming the client, where one's training samples cannot be learned."""
        return

    def fits(self, shape: Shape) -> bool:
        """Whether a model may put out this shape for one sample."""
        return shape == self.outputs

    def check_outputs(self, shape: Shape, model: str) -> None:
        """Raise InputError where a model's output for one sample does not fit."""
        if not self.fits(shape):
            raise InputError(
                f"The model {model} gives {_numbers(shape)} per sample, but the task "
                f"{self.name!r} needs {_numbers(self.outputs)}: {self.needs}."
            )

    @property
    @abstractmethod
    def needs(self) -> str:
        """What the numbers are that a model must put out: "one for each of 3 classes"."""

    def reduced(self, output: Tensor, y: Tensor) -> Tensor:
        """What measures need of each sample's output: [n, ...] -> [n, ...]; all of it, usually."""
        return output

    def loss(self, name: str | None = None) -> Loss:
        """A loss of this task by name; the usual one without a name."""
        if name is None:
            return next(iter(self.losses.values()))
        if name not in self.losses:
            raise unknown(f"loss of the task {self.name!r},", name, self.losses)
        return self.losses[name]

    @property
    def measures(self) -> tuple[Measure, ...]:
        """All, those of users last."""
        return (*self.standard_measures, *self.own.get(self.name, ()))

    def measure(self, name: str) -> Measure:
        """A measure by name."""
        for measure in self.measures:
            if measure.name == name:
                return measure
        known = (measure.name for measure in self.measures)
        raise unknown(f"measure of the task {self.name!r},", name, known)

    @property
    def main(self) -> Measure:
        """The measure that counts."""
        return self.measure(self.usual)

    def counts(
        self,
        output: Array,
        truth: Array,
        losses: Floats | Losses,
        sizes: Ints,
        *,
        addable: bool = True,
    ) -> Sums:
        """What there is in consecutive groups of these sizes.

        output: `reduced` outputs [n, ...]; truth: y [n, ...].
        losses: one a sample [n], or those of the groups.
        addable: whether the sums may be added to those of other groups; where they need not,
            histograms, which are there for that alone, are left empty.
        """
        return self.sums(self.samples(output, truth, losses), sizes, addable=addable)

    def samples(self, output: Array, truth: Array, losses: Floats | Losses) -> Samples:
        """What is known of each sample: arguments as for `counts`."""
        with np.errstate(**OF_ANY_SIZE):
            output, truth = self.output_in_unit(output), self.in_unit(truth)
            return Samples(output, truth, losses, self.each(output, truth))

    def sums(self, samples: Samples, sizes: Ints, *, addable: bool = False) -> Sums:
        """`counts` of samples of which all is known."""
        losses = samples.losses
        if not isinstance(losses, Losses):
            losses = Losses.of_samples(losses, sizes)
        with np.errstate(**OF_ANY_SIZE):
            parts = self.parts(samples, sizes, addable)
        own = np.zeros((len(sizes), len(self.own.get(self.name, ()))))
        for at, measure in enumerate(self.own.get(self.name, ())):
            own[:, at] = _of_samples(measure, samples, sizes) * sizes
        return Sums(
            (sizes > 0).astype(np.float64),
            sizes.astype(np.float64),
            losses,
            parts,
            own,
        )

    def pooled(self, output: Array, truth: Array, losses: Floats | Losses, sizes: Ints) -> Sums:
        """All groups as one, for the choice of a round; a measure that may not compare samples of
        different models, as each client has its own, does not."""
        return self.together(self.samples(output, truth, losses), sizes)

    def together(self, samples: Samples, sizes: Ints) -> Sums:
        """`pooled` of samples of which all is known."""
        if isinstance(samples.losses, Losses):
            samples = samples._replace(losses=added(samples.losses))
        return self.sums(samples, np.asarray([sizes.sum()]))

    def scores(self, sums: Sums) -> dict[str, Floats]:
        """Every measure, and the loss, of each group: [groups]; NaN where it has no value.

        Of a model that diverged they may be infinite.
        """
        with np.errstate(**OF_ANY_SIZE):
            return self._scores(sums)

    def _scores(self, sums: Sums) -> dict[str, Floats]:
        found = {m.name: m.how(sums) for m in self.standard_measures}
        for at, measure in enumerate(self.own.get(self.name, ())):
            found[measure.name] = ratio(sums.own[:, at], sums.size)
        found["loss"] = ratio(*sums.losses)
        return found

    def possible(self, parts: Parts, sizes: Floats) -> bool:
        """Whether groups of `sizes` [groups] samples can have been counted so."""
        return True

    def contradiction(self, sums: Sums, samples: int) -> str | None:
        """Why one group of at most this many samples cannot have told these sums: half a sentence.

        None where nothing speaks against them.
        """
        (size,) = sums.size.tolist()
        if not 0 <= size <= samples:
            return f"it counts {size:.0f} samples and has told of {samples}"
        if not self.possible(sums.parts, sums.size):
            return f"it counts what its {size:.0f} samples cannot give"
        try:
            with np.errstate(invalid="raise"):
                scores = self._scores(sums)
        except FloatingPointError:  # the square root of a negative sum of squares, say
            return "its sums have signs that they cannot have"
        for measure in self.standard_measures:
            low, high = measure.bounds
            (value,) = scores[measure.name].tolist()
            if value < low - TOLERANCE or value > high + TOLERANCE:
                return f"its {measure.title} would be {measure.unit.text(value)}"
        return None

    def main_only(self, sums: Sums) -> Sums:
        """Sums that give the same main measure and loss, and say as little else as they can."""
        return sums._replace(
            parts=self.without_details(sums.parts), own=np.full_like(sums.own, np.nan)
        )

    def nothing(self) -> Sums:
        """One group without samples: arrays [1, ...], of the shapes that all sums have."""
        output = self.reduced(torch.zeros(0, *self.outputs), self.no_truth())
        empty = self.counts(
            output.numpy(), self.no_truth().numpy(), np.zeros(0), np.zeros(1, np.int64)
        )
        filled: Sums = zeros_like(empty)
        return filled

    @abstractmethod
    def no_truth(self) -> Tensor:
        """y of no samples: [0, ...]."""

    def choice(self, scores: Mapping[str, float]) -> tuple[float, float]:
        """What validation chooses a round by; smaller is better: the main measure, then the loss.

        The first is NaN where nobody's validation samples are known.
        """
        return self.main.key(scores[self.main.name]), scores["loss"]


def _of_samples(measure: Measure, samples: Samples, sizes: Ints) -> Floats:
    ends = np.cumsum(sizes)[:-1]
    parts = zip(np.split(samples.output, ends), np.split(samples.truth, ends), strict=True)
    return np.asarray([float(measure.how(o, t)) if len(t) else 0.0 for o, t in parts])


def _numbers(shape: Shape) -> str:
    if len(shape) > 1:
        return f"numbers of shape {shape}"
    count = shape[0] if shape else 1
    return f"{count} number{'s' if count != 1 else ''}"


def column_sums(values: Array, sizes: Ints) -> Floats:
    """Sums of values [n, k] or [n] over consecutive groups: [groups, k], k = 1 where it is flat."""
    columns = values if values.ndim > 1 else values[:, None]
    return by_group(columns.astype(np.float64), sizes)
