"""What tasks that ask for quantities share: their strata, and the output beside y."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from torch import Tensor

from .measure import NUMBER
from .samples import Array
from .task import Strata

MOST_STRATA = 10


def beside(output: Tensor, y: Tensor) -> Tensor:
    """A model's output in the shape of y: one number a sample may come as [n] or [n, 1]."""
    return output.reshape(y.shape)


def quantile_strata(values: Array) -> Strata:
    """Ten parts of equal size, fewer where many values [n] are equal."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, MOST_STRATA + 1)))
    inner = edges[1:-1]
    member = np.searchsorted(inner, values, side="right")
    ends = [NUMBER.number(float(edge)) for edge in edges]
    names = [f"{a} to {b}" for a, b in pairwise(ends)] or ends
    text = f"Quantities are looked at in {len(names)} ranges that hold about as many samples each."
    return Strata(tuple(names), member.astype(np.int64), text)
