"""The losses that can be asked for by name, and what a mixture of models puts out under each."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from unalike.functional.losses import binary_cross_entropy, cross_entropy, squared_error

from .loss import Mixture, PerSample, SampleLoss


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


CROSS_ENTROPY = SampleLoss(cross_entropy, mixture=mixed_probabilities, of_classes=True)
BINARY_CROSS_ENTROPY = SampleLoss(binary_cross_entropy, mixture=mixed_labels, of_classes=True)

NAMED: dict[str, tuple[PerSample, Mixture]] = {
    "cross_entropy": (cross_entropy, mixed_probabilities),
    "squared_error": (squared_error, mean_output),
    "binary_cross_entropy": (binary_cross_entropy, mixed_labels),
}
"""The loss of each sample, and the output of a mixture."""
