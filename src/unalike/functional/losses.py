"""Losses of single samples: (output [B, ...], y [B, ...]) -> [B]."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

PerSample = Callable[[Tensor, Tensor], Tensor]

LANES, FEWEST = 16, 4
"""Floats that AVX-512 takes at once. There PyTorch's `log_softmax` of fewer numbers goes through
them one by one, which from `FEWEST` on takes longer than 16 with some that count nothing."""
WIDENS = torch.backends.cpu.get_cpu_capability() == "AVX512"


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    if logits.dim() != 2 or y.dim() != 1:
        return functional.cross_entropy(logits, y, reduction="none")
    # torch's own takes a second and 90 MB to load what its mapped form needs
    return -functional.log_softmax(_widened(logits), -1).gather(1, y[:, None]).squeeze(1)


def _widened(logits: Tensor) -> Tensor:
    """With further classes of probability zero, where `log_softmax` is faster so: [B, ...]."""
    missing = LANES - logits.shape[-1]
    here = WIDENS and logits.dtype == torch.float32 and logits.device.type == "cpu"
    if not here or not 0 < missing <= LANES - FEWEST:
        return logits
    return functional.pad(logits, (0, missing), value=-math.inf)


def squared_error(output: Tensor, y: Tensor) -> Tensor:
    return ((output - y) ** 2).flatten(1).sum(1)


def binary_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    losses = functional.binary_cross_entropy_with_logits(logits, y, reduction="none")
    return losses.mean(1) if losses.dim() > 1 else losses
