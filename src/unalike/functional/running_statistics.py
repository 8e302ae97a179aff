"""Running statistics that follow a client's gradients, as `nn.BatchNorm*` keeps them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from .forward_pass import ByLayer, Moments, Statistics, unbiased
from .normalisation import Normaliser


class Running:
    """The statistics of all layers, moved by the momentum of each at every call."""

    def __init__(self, start: Statistics, layers: Sequence[Normaliser]) -> None:
        sizes = [layer.channels for layer in layers]
        self._layers = layers
        self._mean, self._variance = (list(part.split(sizes)) for part in start)

    @property
    def statistics(self) -> Statistics:
        """Where they stand now: [channels of all layers]."""
        return Statistics(torch.cat(self._mean), torch.cat(self._variance))

    def absorb(self, layers: Sequence[int], met: Sequence[Moments]) -> None:
        """new = (1 - momentum) old + momentum batch; a batch without samples moves nothing."""
        for layer, moments in zip(layers, met, strict=True):
            momentum = self._layers[layer].momentum
            if momentum is None:
                raise ValueError("Running statistics need layers that have a momentum.")
            mean, variance = self._mean[layer], self._variance[layer]
            heard = moments.values > 0
            moved = mean + momentum * (moments.mean - mean)
            spread = variance + momentum * (unbiased(moments, variance) - variance)
            self._mean[layer] = torch.where(heard, moved, mean)
            self._variance[layer] = torch.where(heard, spread, variance)


class _Now(threading.local):
    this: Running | None = None


_now = _Now()


def following() -> Running | None:
    """The statistics that this thread's gradients move."""
    return _now.this


@contextmanager
def running_from(start: Statistics, layers: Sequence[Normaliser]) -> Iterator[Running]:
    """Gradients taken inside the block move these statistics."""
    before, _now.this = _now.this, Running(start, layers)
    try:
        yield _now.this
    finally:
        _now.this = before


def by_layer(statistics: Statistics, layers: Sequence[Normaliser]) -> ByLayer:
    """A prediction with these statistics: [channels of all layers] each."""
    return ByLayer(statistics, [layer.channels for layer in layers])
