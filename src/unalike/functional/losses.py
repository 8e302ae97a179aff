"""Losses of single samples, by name or from PyTorch's own."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from unalike.errors import unknown

Loss = Callable[[Tensor, Tensor], Tensor]


def _cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    if logits.dim() != 2 or y.dim() != 1:
        return functional.cross_entropy(logits, y, reduction="none")
    # torch's own takes a second and 90 MB to load what its mapped form needs
    return -functional.log_softmax(logits, -1).gather(1, y[:, None]).squeeze(1)


def _squared_error(output: Tensor, y: Tensor) -> Tensor:
    return ((output - y) ** 2).flatten(1).sum(1)


def _binary_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, y, reduction="none").mean(1)


LOSSES: dict[str, Loss] = {
    "cross_entropy": _cross_entropy,
    "squared_error": _squared_error,
    "binary_cross_entropy": _binary_cross_entropy,
}


def per_sample(loss: Any) -> Loss:
    """The loss without its mean: (output, y) -> [B]."""
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise unknown("loss", loss, LOSSES)
        return LOSSES[loss]
    if isinstance(loss, nn.Module):
        if not hasattr(loss, "reduction"):
            return loss
        unreduced: Any = copy.copy(loss)
        unreduced.reduction = "none"
        return lambda output, y: _sample_means(unreduced(output, y))
    if "reduction" in inspect.signature(loss).parameters:
        return lambda output, y: _sample_means(loss(output, y, reduction="none"))
    return loss


def _sample_means(losses: Tensor) -> Tensor:
    return losses.flatten(1).mean(1) if losses.dim() > 1 else losses
