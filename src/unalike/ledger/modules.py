"""The small modules of the protocols."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BinaryLogistic(nn.Module):
    """Binary logistic regression with the logits (0, z), so that cross-entropy is that of z."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [B, 2] of x [B, features]."""
        z = self.score(x)
        return torch.cat([torch.zeros_like(z), z], -1)
