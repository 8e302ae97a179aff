"""Running statistics that follow a client's gradients, as `nn.BatchNorm*` keeps them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from .forward_pass import BatchMoments, PredictionByLayer, Statistics, unbiased_variance
from .normalisation import BatchNormLayer


class RunningStatistics:
    """The statistics of all layers, moved by the momentum of each at every call."""

    def __init__(self, start: Statistics, layers: Sequence[BatchNormLayer]) -> None:
        sizes = [layer.channels for layer in layers]
        self._layers = layers
        self._mean, self._variance = (list(part.split(sizes)) for part in start)

    @property
    def statistics(self) -> Statistics:
        """Where they stand now: [channels of all layers]."""
        return Statistics(torch.cat(self._mean), torch.cat(self._variance))

    def update(self, layers: Sequence[int], met: Sequence[BatchMoments]) -> None:
        """new = (1 - momentum) old + momentum batch; a batch without samples moves nothing."""
        for layer, moments in zip(layers, met, strict=True):
            momentum = self._layers[layer].momentum
            if momentum is None:
                raise ValueError("Running statistics need layers that have a momentum.")
            mean, variance = self._mean[layer], self._variance[layer]
            heard = moments.values > 0
            moved = mean + momentum * (moments.mean - mean)
            spread = variance + momentum * (unbiased_variance(moments, variance) - variance)
            self._mean[layer] = torch.where(heard, moved, mean)
            self._variance[layer] = torch.where(heard, spread, variance)


class _Current(threading.local):
    this: RunningStatistics | None = None


_current = _Current()


def current_statistics() -> RunningStatistics | None:
    """The statistics that this thread's gradients move."""
    return _current.this


@contextmanager
def track_running_statistics(
    start: Statistics, layers: Sequence[BatchNormLayer]
) -> Iterator[RunningStatistics]:
    """Gradients taken inside the block move these statistics."""
    before, _current.this = _current.this, RunningStatistics(start, layers)
    try:
        yield _current.this
    finally:
        _current.this = before


def prediction_pass(statistics: Statistics, layers: Sequence[BatchNormLayer]) -> PredictionByLayer:
    """A prediction with these statistics: [channels of all layers] each."""
    return PredictionByLayer(statistics, [layer.channels for layer in layers])
