"""What a forward pass is for, as told to the layers whose output depends on more than their input.

Batch normalisation needs to know which samples are real and whether it trains or predicts,
dropout which draws are its own. A pass is set around a call of the module and read by the layers
of `normalisation.py` and `dropout.py`; each thread has its own. Outside of any pass every sample
counts as real and nothing is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from unalike.errors import InputError

from . import streams


class BatchMoments(NamedTuple):
    """Mean and variance of values that have been seen, channel by channel."""

    mean: Tensor  # [C]
    variance: Tensor  # [C] of these values themselves: divided by how many they are
    values: Tensor  # [C] how many


class Statistics(NamedTuple):
    """What batch normalisation subtracts and divides by in prediction."""

    mean: Tensor  # [C]
    variance: Tensor  # [C]


class LayerCall(NamedTuple):
    """One call of a normalisation layer."""

    layer: int
    moments: BatchMoments


class ForwardPass:
    """Every layer normalises by the real samples in hand; draws come from `key`, if given."""

    def __init__(self, real: Tensor | None = None, key: Tensor | None = None) -> None:
        self.calls: list[LayerCall] = []
        self._real = real  # [B] 0 for padding
        self._key = key  # [] int64
        self._draws = 0

    def statistics(self, layer: int, x: Tensor) -> Statistics:
        """What this layer normalises x [B, C, ...] by."""
        moments = batch_moments(x, self._real)
        self.calls.append(LayerCall(layer, moments))
        return Statistics(moments.mean, moments.variance)

    def draw(self) -> Tensor | None:
        """The key [] of the next layer's random draws; None where nothing is drawn."""
        if self._key is None:
            return None
        self._draws += 1
        return streams.mix(self._key, self._draws)


class PredictionByCall(ForwardPass):
    """A prediction that meets known statistics in the order of the layers' calls."""

    def __init__(self, known: Statistics) -> None:
        super().__init__()
        self._known = known
        self._at = 0

    def statistics(self, layer: int, x: Tensor) -> Statistics:
        """The next channels of the known statistics."""
        here = slice(self._at, self._at + x.shape[1])
        self._at += x.shape[1]
        return Statistics(*(part[here] for part in self._known))


class PredictionByLayer(ForwardPass):
    """A prediction with known statistics for each layer, the layers' channels side by side."""

    def __init__(self, known: Statistics, sizes: list[int]) -> None:
        super().__init__()
        self._mean, self._variance = (part.split(sizes) for part in known)

    def statistics(self, layer: int, x: Tensor) -> Statistics:
        """The layer's channels of the known statistics."""
        return Statistics(self._mean[layer], self._variance[layer])


class _Current(threading.local):
    this: ForwardPass | None = None


_current = _Current()


def current_pass() -> ForwardPass:
    """The pass that the module is being called in."""
    return _current.this or ForwardPass()


@contextmanager
def set_forward_pass(this: ForwardPass) -> Iterator[ForwardPass]:
    """Calls of a module inside the block belong to this pass."""
    before, _current.this = _current.this, this
    try:
        yield this
    finally:
        _current.this = before


def batch_moments(x: Tensor, real: Tensor | None) -> BatchMoments:
    """Of the real rows of x [B, C, ...], over all dimensions but the channels.

    Raises:
        InputError: the rows of x are not the samples of the batch.
    """
    if real is None:
        real = x.new_ones(len(x))
    if len(real) != len(x):
        raise InputError(
            f"A batch normalisation layer gets {len(x)} rows for a batch of {len(real)} samples, "
            "so padding cannot be told from samples; keep the samples in the first dimension, or "
            "use GroupNorm."
        )
    mask = (real != 0).to(x.dtype)
    places = list(range(2, x.dim()))
    count = mask.sum() * x[0, 0].numel()
    share = mask / count.clamp(min=1)
    mean = share @ (x.sum(places) if places else x)
    squares = (x - mean.reshape(-1, *[1] * len(places))).square()
    variance = share @ (squares.sum(places) if places else squares)
    return BatchMoments(mean, variance, count.expand_as(mean))


def pooled_moments(parts: list[BatchMoments]) -> BatchMoments:
    """The moments of all values together; parts without values change no bit of the result."""
    zero = torch.zeros_like(parts[0].mean)
    values = sum((part.values for part in parts), zero)
    known = values.clamp(min=1)
    mean = sum((part.values * part.mean for part in parts), zero) / known
    spread = (part.values * (part.variance + (part.mean - mean) ** 2) for part in parts)
    return BatchMoments(mean, sum(spread, zero) / known, values)


def prediction_statistics(moments: BatchMoments) -> Statistics:
    """Statistics for prediction, from the unbiased variance: as a fresh layer's (0, 1) where
    nothing has been seen, and with a variance of 1 where a single value tells nothing of it."""
    return Statistics(moments.mean, unbiased_variance(moments, torch.ones_like(moments.mean)))


def unbiased_variance(moments: BatchMoments, otherwise: Tensor) -> Tensor:
    """The variance [C] divided by count - 1; `otherwise` where there are not two values."""
    n = moments.values
    return torch.where(n > 1, moments.variance * n / (n - 1).clamp(min=1), otherwise)
