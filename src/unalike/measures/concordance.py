"""Whether those with the higher risk have the event earlier, for each group of samples.

    C = share of the comparable pairs in which the earlier one has the higher risk

A pair is comparable where one is known to have the event before the other: at an earlier time, or
at the same time where the other leaves without an event. Equal risks count half. A group without
comparable pairs has no value (NaN). Pairs of groups add up to those *within* the groups: the index
of a union from such sums compares nobody with somebody of another group.

Source  Harrell et al., JAMA 247 (1982); ties as lifelines has them
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .groups import Floats, Ints, ratio

ROWS = 512
"""Samples compared with all others of their group at once."""


class Concordance(NamedTuple):
    """The comparable pairs of each group."""

    right: Floats  # [groups] with the higher risk first, and half of those with equal risks
    comparable: Floats  # [groups]

    @property
    def c_index(self) -> Floats:
        """Harrell's C: [groups]."""
        return ratio(self.right, self.comparable)


def concordance(risk: Floats, time: Floats, event: NDArray[np.bool_], sizes: Ints) -> Concordance:
    """That of consecutive groups of these sizes: risk, time, event [n]."""
    right, comparable = np.zeros(len(sizes)), np.zeros(len(sizes))
    ends = np.cumsum(sizes)[:-1]
    parts = (np.split(values, ends) for values in (risk, time, event))
    for g, (r, t, e) in enumerate(zip(*parts, strict=True)):
        for rows in np.split(np.flatnonzero(e), np.arange(ROWS, int(e.sum()), ROWS)):
            first = (t[rows, None] < t) | ((t[rows, None] == t) & ~e)
            comparable[g] += first.sum()
            right[g] += (first & (r[rows, None] > r)).sum()
            right[g] += (first & (r[rows, None] == r)).sum() / 2
    return Concordance(right, comparable)
