"""Dropout whose masks are drawn from the run's streams.

A mask is decided by the client's stream, its step and the layer's place in the forward pass, so
that stacked and single clients drop the same units, a batch drops them again when the same step
is differentiated twice, and no draw depends on any other. Only steps (`descend`, `trace`) drop;
whole passes (`average`) and predictions do not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import streams
from .forward_pass import current_pass

DROPOUT_LAYERS: tuple[type[nn.Module], ...] = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


class StreamedDropout(nn.Module):
    """Takes the place of an `nn.Dropout*`: drops units, or whole channels of each sample."""

    def __init__(self, p: float, *, channels: bool) -> None:
        super().__init__()
        self.p, self.channels = p, channels

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] -> [B, ...], each unit kept with probability 1 - p and scaled by 1 / (1 - p)."""
        key = current_pass().draw()
        if key is None or self.p == 0:
            return x
        if self.p == 1:
            return x * 0
        shape = (*x.shape[:2], *[1] * (x.dim() - 2)) if self.channels else x.shape
        luck = streams.uniform(key, torch.Size(shape).numel()).reshape(shape)
        return x * ((luck >= self.p).to(x.dtype) / (1 - self.p))
