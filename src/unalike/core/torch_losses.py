"""Losses by name, PyTorch's own and the user's, so that batches with padding give what they give.

With the numerators and denominators of `loss.py` as below, the loss is PyTorch's own number on the
batch without its padding. A denominator is 1 for a plain mean and the weight of its class for
class weights, and 0 for a sample that `ignore_index` leaves out; with reduction="sum" nothing is
divided.
"""

from __future__ import annotations

import copy
import inspect
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.nn import functional

from unalike.errors import InputError, unknown

from .loss import Loss, Mixture, PerSample, Ratio, SampleLoss
from .named_losses import NAMED, mixed_probabilities


class TorchLoss(SampleLoss):
    """A loss of PyTorch or of the user, taken to be of classes unless its mixture says otherwise.

    numerators: (output, y) -> [B].
    denominators: (output, y) -> [B]; 1 for each sample where it is not given.
    unit: whether the denominators are 1 where y is [B].
    summed: whether nothing is divided.
    by_class: whether outputs are [B, C, ...] and targets classes.
    whole: (output, y) -> [], what PyTorch itself gives for a batch without padding.
    """

    def __init__(
        self,
        numerators: PerSample,
        denominators: PerSample | None = None,
        *,
        unit: bool = False,
        summed: bool = False,
        by_class: bool = False,
        whole: Any = None,
        mixture: Mixture = mixed_probabilities,
    ) -> None:
        super().__init__(numerators, denominators=denominators, mixture=mixture, of_classes=True)
        self.unit, self.summed, self.by_class, self.whole = unit, summed, by_class, whole

    def mean(self, output: Tensor, y: Tensor, weight: Tensor, size: Tensor) -> Tensor:
        if self.summed:
            return self.total(output, y, weight)
        if self.unit and y.dim() == 1:
            return (self.each(output, y) * weight).sum() / size
        return super().mean(output, y, weight, size)

    def total(self, output: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        if self.summed:
            return self.ratio(output, y, weight).numerator
        return super().total(output, y, weight)

    @property
    def constants(self) -> tuple[Tensor, ...]:
        if isinstance(self.whole, nn.Module):
            return (*self.whole.parameters(), *self.whole.buffers())
        return tuple(v for v in _keywords(self.whole).values() if isinstance(v, Tensor))

    def to(self, device: torch.device | str) -> Loss:
        if not self.constants:
            return self
        if isinstance(self.whole, nn.Module):
            return read_loss(copy.deepcopy(self.whole).to(device))
        moved = {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in _keywords(self.whole).items()
        }
        return read_loss(partial(self.whole.func, *self.whole.args, **moved))


class OneLogitLoss(Loss):
    """A loss of the logit z of yes [B, ...], for outputs [B, 2], the logits (0, z) of no and yes.

    shape: of what the model puts out for one sample, () or (1,).
    """

    of_classes = True

    def __init__(self, loss: TorchLoss, shape: tuple[int, ...]) -> None:
        self.loss, self.shape = loss, shape

    def ratio(self, output: Tensor, y: Tensor, weight: Tensor) -> Ratio:
        return self.loss.ratio(*self.logit(output, y), weight)

    def total(self, output: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        return self.loss.total(*self.logit(output, y), weight)

    def each(self, output: Tensor, y: Tensor) -> Tensor:
        return self.loss.each(*self.logit(output, y))

    def denominators(self, output: Tensor, y: Tensor) -> Tensor | None:
        return self.loss.denominators(*self.logit(output, y))

    def mixture(self, outputs: Tensor, shares: Tensor) -> Tensor:
        """By the probabilities of the two classes."""
        return mixed_probabilities(outputs, shares)

    def to(self, device: torch.device | str) -> Loss:
        moved = self.loss.to(device)
        return OneLogitLoss(moved, self.shape) if isinstance(moved, TorchLoss) else moved

    @property
    def constants(self) -> tuple[Tensor, ...]:
        return self.loss.constants

    def logit(self, output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """z and y as the loss of z takes them."""
        z = (output[:, 1] - output[:, 0]).reshape(-1, *self.shape)
        return z, y.reshape(-1, *self.shape).to(z.dtype)


def one_logit_loss(loss: Loss, shape: tuple[int, ...]) -> Loss:
    """The loss for outputs [B, 2] of a model that gives one logit of this shape for a sample."""
    if not isinstance(loss, TorchLoss) or loss.by_class:
        return loss
    return OneLogitLoss(loss, shape)


_CLASS_FUNCTIONS = (functional.cross_entropy, functional.nll_loss)


def read_loss(loss: Any) -> Loss:
    """A name, a torch loss (a module, its function, or a `partial` of that), any function
    (output, y) -> [B], or a `Loss` as it is.

    Raises:
        InputError: there is no loss of this name, or it is no loss at all.
    """
    if isinstance(loss, str):
        if loss not in NAMED:
            raise unknown("loss", loss, NAMED)
        numerators, mixture = NAMED[loss]
        return TorchLoss(numerators, mixture=mixture, by_class=loss == "cross_entropy")
    if isinstance(loss, Loss):
        return loss
    if not callable(loss):
        raise InputError(
            f"{loss!r} is no loss: give a name, a torch loss or a function of output and y."
        )
    if isinstance(loss, nn.Module):
        if not hasattr(loss, "reduction"):
            return TorchLoss(loss, whole=loss)
        unreduced: Any = copy.copy(loss)
        unreduced.reduction = "none"
        return _torch_loss(loss, unreduced, type(loss), vars(loss) | dict(loss.named_buffers()))
    settings = _defaults(loss)
    if "reduction" not in settings:
        return TorchLoss(loss, whole=loss)
    return _torch_loss(loss, partial(loss, reduction="none"), getattr(loss, "func", loss), settings)


def by_sample(loss: PerSample) -> TorchLoss:
    """A loss that gives one number a batch, called on each sample alone."""
    return TorchLoss(partial(_alone, loss), whole=loss)


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
        return TorchLoss(each, summed=summed, by_class=by_class, whole=whole)
    weight, ignored = settings.get("weight"), settings["ignore_index"]
    return TorchLoss(
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
