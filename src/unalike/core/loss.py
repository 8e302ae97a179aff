"""What a loss must answer so that batches with padding and weights can be trained on.

The loss of a batch is a ratio

    sum over samples of weight x numerator  /  sum over real samples of denominator

The denominator of a sample is 1 for a plain mean, the weight of its class for class weights, the
number of its tokens for sequences. Padding has weight 0 and no effect, whatever stands there.
A loss may also be one number for a whole batch (`couples`), as Cox's partial likelihood is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from unalike.errors import InputError
from unalike.functional.losses import PerSample as PerSample

Mixture = Callable[[Tensor, Tensor], Tensor]


class Ratio(NamedTuple):
    """The loss of a batch before it is divided; that of a union of groups is the sum."""

    numerator: Tensor  # []
    denominator: Tensor  # []

    @property
    def value(self) -> Tensor:
        """The loss []; 0 where there is nothing to divide by."""
        nothing = self.denominator == 0
        return self.numerator / torch.where(nothing, 1, self.denominator)


class Loss(ABC):
    """A loss of a batch: output [B, ...], y [B, ...], weight [B], 0 for padding."""

    couples: bool = False
    """Whether the loss of a batch is no sum over its samples."""
    of_classes: bool = False
    """Whether y [B] are classes 0..C-1, or y [B, C] zeros and ones, and outputs one for each."""

    @abstractmethod
    def ratio(self, output: Tensor, y: Tensor, weight: Tensor) -> Ratio:
        """Numerator and denominator of the batch."""

    def total(self, output: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """The loss [] of the batch."""
        return self.ratio(output, y, weight).value

    def mean(self, output: Tensor, y: Tensor, weight: Tensor, size: Tensor) -> Tensor:
        """`total`, where it is known how many samples [] are no padding."""
        return self.total(output, y, weight)

    def each(self, output: Tensor, y: Tensor) -> Tensor | None:
        """The numerator of each sample [B]; None where samples are coupled."""
        return None

    def denominators(self, output: Tensor, y: Tensor) -> Tensor | None:
        """The denominator of each sample [B]; None where it is 1, or samples are coupled."""
        return None

    @property
    def constants(self) -> tuple[Tensor, ...]:
        """Tensors that the loss holds."""
        return ()

    def to(self, device: torch.device | str) -> Loss:
        """The same loss on a device."""
        return self

    def mixture(self, outputs: Tensor, shares: Tensor) -> Tensor:
        """The output [B, ...] of a mixture of models: outputs [M, B, ...], shares [M].

        Raises:
            InputError: a mixture has no meaning under this loss.
        """
        raise InputError(
            "A mixture of models needs a loss for each sample that is a likelihood; this loss "
            "has none, so choose a method without mixtures."
        )


class SampleLoss(Loss):
    """A loss that is a sum over samples, from a function (output, y) -> numerators [B].

    denominators: (output, y) -> [B]; 1 for each sample where it is not given.
    mixture: (outputs [M, B, ...], shares [M]) -> output [B, ...].
    """

    def __init__(
        self,
        function: PerSample,
        *,
        denominators: PerSample | None = None,
        mixture: Mixture | None = None,
        of_classes: bool = False,
    ) -> None:
        self.function = function
        self.of_classes = of_classes
        self._denominators = denominators
        self._mixture = mixture

    def mean(self, output: Tensor, y: Tensor, weight: Tensor, size: Tensor) -> Tensor:
        if self._denominators is not None:
            return self.total(output, y, weight)
        return (self.function(output, y) * weight).sum() / size

    def each(self, output: Tensor, y: Tensor) -> Tensor:
        return self.function(output, y)

    def denominators(self, output: Tensor, y: Tensor) -> Tensor | None:
        return None if self._denominators is None else self._denominators(output, y)

    def ratio(self, output: Tensor, y: Tensor, weight: Tensor) -> Ratio:
        real = weight != 0
        output, y = only(real, output), only(real, y)
        ones = output.new_ones(len(y))
        denominators = ones if self._denominators is None else self._denominators(output, y)
        return Ratio((self.function(output, y) * weight).sum(), (denominators * real).sum())

    def mixture(self, outputs: Tensor, shares: Tensor) -> Tensor:
        if self._mixture is None:
            return super().mixture(outputs, shares)
        return self._mixture(outputs, shares)


def only(real: Tensor, values: Tensor) -> Tensor:
    """values [B, ...] with zeros in place of padding, so that nothing comes from there."""
    mask = real.reshape(len(values), *[1] * (values.dim() - 1))
    return torch.where(mask, values, torch.zeros((), dtype=values.dtype, device=values.device))
