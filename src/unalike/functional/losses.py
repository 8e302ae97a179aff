"""Losses of batches with padding, by name or from PyTorch's own.

The loss of a batch is

    sum over samples of weight x numerator  /  sum over real samples of denominator

With numerators and denominators as below this is PyTorch's own number on the batch without its
padding. A denominator is 1 for a plain mean and the weight of its class for class weights, and 0
for a sample that `ignore_index` leaves out; with reduction="sum" nothing is divided.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.nn import functional

from unalike.errors import InputError, unknown

PerSample = Callable[[Tensor, Tensor], Tensor]


class Loss(Protocol):
    """A loss of a batch: output [B, ...], y [B, ...], weight [B], 0 for padding."""

    def total(self, output: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """The loss [] of the batch."""
        ...

    @property
    def each(self) -> PerSample:
        """(output, y) -> the numerator of each sample [B]."""
        ...


class SampleLoss:
    """A loss that is a sum over samples.

    each: (output, y) -> numerators [B].
    denominators: (output, y) -> [B]; 1 for each sample where it is not given.
    unit: whether the denominators are 1 where y is [B].
    summed: whether nothing is divided.
    by_class: whether outputs are [B, C, ...] and targets classes.
    whole: (output, y) -> [], what PyTorch itself gives for a batch without padding.
    """

    def __init__(
        self,
        each: PerSample,
        denominators: PerSample | None = None,
        *,
        unit: bool = False,
        summed: bool = False,
        by_class: bool = False,
        whole: Any = None,
    ) -> None:
        self.each = each
        self.denominators = denominators
        self.unit, self.summed, self.whole = unit, summed, whole
        self.by_class = by_class

    def is_mean(self, y: Tensor) -> bool:
        """Whether the loss of a batch with these targets is the plain mean over its samples."""
        return not self.summed and (self.denominators is None or (self.unit and y.dim() == 1))

    def total(self, output: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """The loss [] of the batch; 0 where there is nothing to divide by."""
        total = (self.each(output, y) * weight).sum()
        if self.summed:
            return total
        real = (weight != 0).to(weight.dtype)
        if self.denominators is not None:
            real = self.denominators(output, y) * real
        divisor = real.sum()
        return total / torch.where(divisor == 0, 1, divisor)

    @property
    def constants(self) -> tuple[Tensor, ...]:
        """Tensors that the loss holds."""
        if isinstance(self.whole, nn.Module):
            return (*self.whole.parameters(), *self.whole.buffers())
        return tuple(v for v in _keywords(self.whole).values() if isinstance(v, Tensor))

    def to(self, device: torch.device | str) -> Loss:
        """The same loss on a device."""
        if not self.constants:
            return self
        if isinstance(self.whole, nn.Module):
            return read_loss(copy.deepcopy(self.whole).to(device))
        moved = {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in _keywords(self.whole).items()
        }
        return read_loss(partial(self.whole.func, *self.whole.args, **moved))


class OneLogitLoss:
    """A loss of the logit z of yes [B, ...], for outputs [B, 2], the logits (0, z) of no and yes.

    shape: of what the model puts out for one sample, () or (1,).
    """

    def __init__(self, loss: Loss, shape: tuple[int, ...]) -> None:
        self.loss, self.shape = loss, shape

    def total(self, output: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """The loss [] of the batch."""
        return self.loss.total(*self.logit(output, y), weight)

    def each(self, output: Tensor, y: Tensor) -> Tensor:
        """The numerator of each sample [B]."""
        return self.loss.each(*self.logit(output, y))

    def to(self, device: torch.device | str) -> Loss:
        """The same loss on a device."""
        return OneLogitLoss(loss_on(self.loss, device), self.shape)

    @property
    def constants(self) -> tuple[Tensor, ...]:
        """Tensors that the loss holds."""
        return loss_constants(self.loss)

    def logit(self, output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """z and y as the loss of z takes them."""
        z = (output[:, 1] - output[:, 0]).reshape(-1, *self.shape)
        return z, y.reshape(-1, *self.shape).to(z.dtype)


def one_logit_loss(loss: Loss, shape: tuple[int, ...]) -> Loss:
    """The loss for outputs [B, 2] of a model that gives one logit of this shape for a sample."""
    if isinstance(loss, OneLogitLoss):
        return loss
    if isinstance(loss, SampleLoss) and (loss.by_class or loss.each is LOSSES["cross_entropy"]):
        return loss
    return OneLogitLoss(loss, shape)


def loss_on(loss: Loss, device: torch.device | str) -> Loss:
    """The loss with its tensors on a device."""
    to = getattr(loss, "to", None)
    return loss if to is None else to(device)


def loss_constants(loss: Loss) -> tuple[Tensor, ...]:
    """The tensors that a loss holds."""
    found: tuple[Tensor, ...] = getattr(loss, "constants", ())
    return found


def _cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    if logits.dim() != 2 or y.dim() != 1:
        return functional.cross_entropy(logits, y, reduction="none")
    # torch's own takes a second and 90 MB to load what its mapped form needs
    return -functional.log_softmax(logits, -1).gather(1, y[:, None]).squeeze(1)


def _squared_error(output: Tensor, y: Tensor) -> Tensor:
    return ((output - y) ** 2).flatten(1).sum(1)


def _binary_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    losses = functional.binary_cross_entropy_with_logits(logits, y, reduction="none")
    return losses.mean(1) if losses.dim() > 1 else losses


LOSSES: dict[str, PerSample] = {
    "cross_entropy": _cross_entropy,
    "squared_error": _squared_error,
    "binary_cross_entropy": _binary_cross_entropy,
}

_CLASS_FUNCTIONS = (functional.cross_entropy, functional.nll_loss)


def read_loss(loss: Any) -> Loss:
    """A name, a torch loss (a module, its function, or a `partial` of that), any function
    (output, y) -> [B], or a `Loss` as it is.

    Raises:
        InputError: there is no loss of this name, or it is no loss at all.
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise unknown("loss", loss, LOSSES)
        return SampleLoss(LOSSES[loss])
    if callable(getattr(loss, "total", None)) and callable(getattr(loss, "each", None)):
        return loss
    if not callable(loss):
        raise InputError(
            f"{loss!r} is no loss: give a name, a torch loss or a function of output and y."
        )
    if isinstance(loss, nn.Module):
        if not hasattr(loss, "reduction"):
            return SampleLoss(loss, whole=loss)
        unreduced: Any = copy.copy(loss)
        unreduced.reduction = "none"
        return _torch_loss(loss, unreduced, type(loss), vars(loss) | dict(loss.named_buffers()))
    settings = _defaults(loss)
    if "reduction" not in settings:
        return SampleLoss(loss, whole=loss)
    return _torch_loss(loss, partial(loss, reduction="none"), getattr(loss, "func", loss), settings)


def by_sample(loss: PerSample) -> SampleLoss:
    """A loss that gives one number a batch, called on each sample alone."""
    return SampleLoss(partial(_alone, loss), whole=loss)


def _torch_loss(whole: Any, unreduced: PerSample, kind: Any, settings: dict[str, Any]) -> Loss:
    """A loss with a `reduction`, by its `unreduced` numbers."""
    reduction = settings["reduction"]
    if reduction not in ("none", "mean", "sum", "batchmean"):
        raise InputError(f"The loss has reduction={reduction!r}: use 'mean', 'sum' or 'none'.")
    by_class = kind in _CLASS_FUNCTIONS or (
        isinstance(kind, type) and issubclass(kind, nn.CrossEntropyLoss | nn.NLLLoss)
    )
    adds = reduction in ("sum", "batchmean") or (by_class and reduction == "mean")
    each = partial(_over_places, "sum" if adds else "mean", unreduced)
    summed = reduction == "sum"
    if not by_class or reduction != "mean":
        return SampleLoss(each, summed=summed, by_class=by_class, whole=whole)
    weight, ignored = settings.get("weight"), settings["ignore_index"]
    return SampleLoss(
        each,
        partial(_class_weights, weight, ignored),
        unit=weight is None and ignored < 0,
        by_class=True,
        whole=whole,
    )


def _over_places(how: str, unreduced: PerSample, output: Tensor, y: Tensor) -> Tensor:
    """Numbers [B, ...] as one a sample [B], their "mean" or "sum"."""
    losses = unreduced(output, y)
    if losses.dim() < 2:
        return losses
    return losses.flatten(1).mean(1) if how == "mean" else losses.flatten(1).sum(1)


def _class_weights(weight: Tensor | None, ignored: int, output: Tensor, y: Tensor) -> Tensor:
    if y.is_floating_point():  # probabilities of the classes
        return output.new_full((len(output),), output[0, 0].numel())
    used = y != ignored
    each = used.to(output.dtype)
    if weight is not None:
        each = each * weight[torch.where(used, y, 0)]
    return each.flatten(1).sum(1) if each.dim() > 1 else each


def _alone(loss: PerSample, output: Tensor, y: Tensor) -> Tensor:
    """The numbers [B] of a loss that gives one a batch, called on each sample alone."""
    return vmap(lambda output, y: loss(output[None], y[None]))(output, y)


def _defaults(function: Any) -> dict[str, Any]:
    """What a function takes for each argument that is not given."""
    return {name: each.default for name, each in inspect.signature(function).parameters.items()}


def _keywords(function: Any) -> dict[str, Any]:
    return function.keywords if isinstance(function, partial) else {}
