"""The losses that can be asked for by name, and what a mixture of models puts out under each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unalike.functional.losses import LOSSES as FUNCTIONS
from unalike.functional.losses import per_sample

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
SQUARED_ERROR = SampleLoss(FUNCTIONS["squared_error"], mixture=mean_output)
NAMED: dict[str, Loss] = {
    "cross_entropy": CROSS_ENTROPY,
    "squared_error": SQUARED_ERROR,
    "binary_cross_entropy": BINARY_CROSS_ENTROPY,
}


def loss_of(given: Any) -> Loss:
    """A loss by name, one that is there already, or one of single samples or of PyTorch's.

    Of the latter, mixtures are taken to mix probabilities of classes.
    """
    if isinstance(given, Loss):
        return given
    if isinstance(given, str) and given in NAMED:
        return NAMED[given]
    return SampleLoss(per_sample(given), mixture=mixed_probabilities, of_classes=True)
