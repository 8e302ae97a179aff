"""Counting per-sample gradient evaluations without the methods knowing.

`descend` and `average` say how many real samples the batch in hand stands for (over all stacked
clients); `Problem` adds that number for each gradient it takes. One count per thread.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class _Count(threading.local):
    samples: int = 0
    total: int = 0


_count = _Count()


@contextmanager
def count_gradients() -> Iterator[list[int]]:
    """Collect the gradient evaluations made inside the block: a list of one number."""
    before, _count.total = _count.total, 0
    result = [0]
    try:
        yield result
    finally:
        result[0] = _count.total
        _count.total = before


@contextmanager
def gradient_cost(samples: int) -> Iterator[None]:
    """Gradients inside the block cost `samples` evaluations each."""
    if torch.compiler.is_compiling():
        yield
        return
    before, _count.samples = _count.samples, samples
    try:
        yield
    finally:
        _count.samples = before


def record_gradient(times: int = 1) -> None:
    """Add the cost of a gradient (1) or of a Hessian-vector product (2) on this batch."""
    if not torch.compiler.is_compiling():
        _count.total += times * _count.samples
