"""Whether a model is as sure of its answers as it is right, for each group of samples.

    ECE = sum over bins b of (n_b / n) |share right in b - mean confidence in b|

Confidence is the probability of the answer given; bins are 15 equal parts of [0, 1], each with its
upper edge. What bins hold adds up over groups.

Source  Guo et al., ICML 2017 (arXiv:1706.04599), equation 3
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .groups import Floats, Ints, by_group_and_place, ratio

BINS = 15


class Reliability(NamedTuple):
    """What lies in each bin of confidence; that of a union is the sum."""

    number: Floats  # [groups, BINS]
    confidence: Floats  # [groups, BINS] sums
    right: Floats  # [groups, BINS]

    @property
    def error(self) -> Floats:
        """The expected calibration error: [groups]."""
        return ratio(np.abs(self.right - self.confidence).sum(-1), self.number.sum(-1))


def reliability(confidence: Floats, right: NDArray[np.bool_], sizes: Ints) -> Reliability:
    """That of consecutive groups of these sizes: confidence [n] in [0, 1], right [n]."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    place = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    shape = len(sizes), BINS
    return Reliability(
        *(
            by_group_and_place(group, place, values, shape)
            for values in (None, confidence, right.astype(np.float64))
        )
    )
