"""How many samples a site may claim: one that says a billion would own every mean over samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST = 3
"""Sites from which on the others of each have a median."""


def size_limits(sizes: NDArray[np.int64], ratio: float) -> NDArray[np.int64]:
    """The most that each site may weigh by: `ratio` times the (upper) median of the others.

    sizes: [N] as told. ratio: 0 for no limit.
    """
    if ratio == 0 or len(sizes) < LEAST:
        return np.full(len(sizes), np.iinfo(np.int64).max)
    order = np.argsort(sizes, kind="stable")
    rank = np.argsort(order, kind="stable")
    middle = (len(sizes) - 1) // 2  # of the others, in order
    medians = sizes[order[np.where(rank > middle, middle, middle + 1)]]
    return np.maximum(1, np.rint(ratio * medians)).astype(np.int64)
