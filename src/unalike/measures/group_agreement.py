"""Whether two groupings of the same things put the same things together (adjusted Rand index).

    ARI = (S - E) / ((A + B) / 2 - E),    E = A B / n2

S counts the pairs that are together in both groupings, A and B those in each, n2 all pairs. 1: the
same groups, whatever their names; 0 on average: one grouping says nothing of the other.

Source  Hubert and Arabie, Journal of Classification 1985
"""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def adjusted_rand(one: Integers, other: Integers) -> float:
    """The index of two groupings [n]; 1 where both put all together, or all apart."""
    _, a = np.unique(one, return_inverse=True)
    _, b = np.unique(other, return_inverse=True)
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1)
    both, first, second, pairs = (
        _pairs(counts) for counts in (table, table.sum(1), table.sum(0), np.array([len(a)]))
    )
    chance = first * second / pairs if pairs else 0.0
    most = (first + second) / 2
    return float((both - chance) / (most - chance)) if most != chance else 1.0


def _pairs(counts: NDArray[np.float64] | Integers) -> float:
    return float((counts * (counts - 1) / 2).sum())
