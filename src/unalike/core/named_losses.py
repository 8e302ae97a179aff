"""The losses that can be asked for by name, and what a mixture of models puts out under each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unalike.functional.losses import LOSSES as FUNCTIONS

from .loss import Loss, SampleLoss


def log_shares_of(shares: Tensor, outputs: Tensor) -> Tensor:
    """Logarithms of shares [M], to be added to outputs [M, B, ...]."""
    return shares.log().reshape(-1, *[1] * (outputs.dim() - 1))


def mixed_probabilities(outputs: Tensor, shares: Tensor) -> Tensor:
    """Log of the mixed probabilities of classes."""
    return torch.logsumexp(log_shares_of(shares, outputs) + torch.log_softmax(outputs, -1), 0)


def mixed_labels(outputs: Tensor, shares: Tensor) -> Tensor:
    """Logits of the mixed probabilities of each label."""
    log_shares = log_shares_of(shares, outputs)
    yes = torch.logsumexp(log_shares + functional.logsigmoid(outputs), 0)
    return yes - torch.logsumexp(log_shares + functional.logsigmoid(-outputs), 0)


def mean_output(outputs: Tensor, shares: Tensor) -> Tensor:
    """The weighted mean."""
    return torch.tensordot(shares, outputs, dims=1)


CROSS_ENTROPY = SampleLoss(FUNCTIONS["cross_entropy"], mixture=mixed_probabilities, of_classes=True)
BINARY_CROSS_ENTROPY = SampleLoss(
    FUNCTIONS["binary_cross_entropy"], mixture=mixed_labels, of_classes=True
)


def mixture_of(loss: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """(outputs [M, B, ...], shares [M]) -> the output [B, ...] of the mixture under a loss.

    Losses of the user's own are taken to be of classes.
    """
    if isinstance(loss, Loss):
        return loss.mixture
    each = getattr(loss, "each", None)
    if each is FUNCTIONS["squared_error"]:
        return mean_output
    return mixed_labels if each is FUNCTIONS["binary_cross_entropy"] else mixed_probabilities
