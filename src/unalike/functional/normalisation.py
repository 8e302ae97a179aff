"""Batch normalisation that sees no padding and writes no buffer.

In training it normalises by the mean and variance of the batch's real samples, like
`nn.BatchNorm*` on the batch without its padding; what it normalises by in prediction is the
affair of `buffers.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from unalike.errors import InputError

from .forward_pass import Statistics, current_pass

BatchNorm = nn.modules.batchnorm._BatchNorm


class BatchNormLayer(NamedTuple):
    """What is known of a model's batch normalisation layer."""

    name: str
    channels: int
    momentum: float | None
    start: Statistics  # [C] each, the statistics it came with


class MaskedBatchNorm(nn.Module):
    """Takes the place of an `nn.BatchNorm*`, whose parameters it keeps."""

    def __init__(self, layer: BatchNorm, number: int) -> None:
        super().__init__()
        self.number, self.eps = number, layer.eps
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, ...] -> [B, C, ...]."""
        mean, variance = current_pass().statistics(self.number, x)
        shape = (-1, *[1] * (x.dim() - 2))
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        shift = -mean * scale
        if self.bias is not None:
            shift = shift + self.bias
        return torch.addcmul(shift.reshape(shape), x, scale.reshape(shape))


def batch_norm_layer(name: str, layer: BatchNorm) -> BatchNormLayer:
    """The layer's record; InputError where it is not one of PyTorch's own."""
    if type(layer).forward not in (BatchNorm.forward, nn.SyncBatchNorm.forward):
        raise InputError(
            f"The model's layer {name!r} is a batch normalisation of its own kind "
            f"({type(layer).__name__}), which cannot be told apart from padding; use "
            "nn.BatchNorm2d or nn.GroupNorm."
        )
    channels = layer.num_features
    mean, variance = layer.running_mean, layer.running_var
    start = Statistics(
        torch.zeros(channels) if mean is None else mean.detach().clone(),
        torch.ones(channels) if variance is None else variance.detach().clone(),
    )
    return BatchNormLayer(name, channels, layer.momentum, start)
