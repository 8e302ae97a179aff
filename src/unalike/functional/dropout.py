"""Dropout whose masks are drawn from the run's streams.

A mask is decided by the client's stream, its step and the layer's place in the forward pass, so
that stacked and single clients drop the same units, a batch drops them again when the same step
is differentiated twice, and no draw depends on any other. Only steps (`descend`, `trace`) drop;
whole passes (`average`) and predictions do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

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
        return drop(x, self.p, channels=self.channels)


def drop(x: Tensor, p: float, *, channels: bool = False) -> Tensor:
    """x [B, ...] with units, or whole channels of each sample, dropped by the current pass."""
    key = current_pass().draw()
    if key is None or p == 0:
        return x
    if p == 1:
        return x * 0
    shape = (*x.shape[:2], *[1] * (x.dim() - 2)) if channels else x.shape
    luck = streams.uniform(key, torch.Size(shape).numel()).reshape(shape)
    return x * ((luck >= p).to(x.dtype) / (1 - p))


_UNITS: tuple[Callable[..., Tensor], ...] = (functional.dropout, torch.dropout)
_CHANNELS: tuple[Callable[..., Tensor], ...] = (
    functional.dropout1d,
    functional.dropout2d,
    functional.dropout3d,
)


class StreamedDropoutCalls(TorchFunctionMode):
    """Inside the block `functional.dropout` and its kin draw from the run's streams too."""

    def __init__(self) -> None:
        super().__init__()
        self.called = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _UNITS or func in _CHANNELS:
            return self._drop(func in _CHANNELS, *args, **kwargs)
        return func(*args, **kwargs)

    def _drop(
        self,
        channels: bool,
        input: Tensor,  # noqa: A002  (torch's own name)
        p: float = 0.5,
        training: bool = True,
        inplace: bool = False,
        *,
        train: bool = True,
    ) -> Tensor:
        self.called = True
        return drop(input, p, channels=channels) if training and train else input
