"""Losses of single samples: (output [B, ...], y [B, ...]) -> [B]."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

PerSample = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    if logits.dim() != 2 or y.dim() != 1:
        return functional.cross_entropy(logits, y, reduction="none")
    # torch's own takes a second and 90 MB to load what its mapped form needs
    return -functional.log_softmax(logits, -1).gather(1, y[:, None]).squeeze(1)


def squared_error(output: Tensor, y: Tensor) -> Tensor:
    return ((output - y) ** 2).flatten(1).sum(1)


def binary_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    losses = functional.binary_cross_entropy_with_logits(logits, y, reduction="none")
    return losses.mean(1) if losses.dim() > 1 else losses
