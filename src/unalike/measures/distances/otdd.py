"""Optimal transport between labelled data sets, where a label is the distribution of its samples.

    OTDD = min over couplings of  E |x - x'|^2 + W2^2(P(x | y), Q(x' | y'))

with Gaussians for the inner distributions and the exact coupling outside. It compares data sets
whose labels have different names, and so is blind to a mere renaming of the classes.

Source  Alvarez-Melis and Fusi, NeurIPS 2020 (arXiv:2002.02923); exact in place of entropic
        coupling, so for small sets only
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from .gaussian import gaussian_w2, moments
from .transport import transport

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def otdd(x1: Floats, y1: Labels, x2: Floats, y2: Labels) -> float:
    """OTDD of samples x1 [n, d], y1 [n] and x2 [m, d], y2 [m], in squared units of x."""
    names1, place1 = np.unique(y1, return_inverse=True)
    names2, place2 = np.unique(y2, return_inverse=True)
    ours = [moments(x1[y1 == name]) for name in names1]
    theirs = [moments(x2[y2 == name]) for name in names2]
    between = np.array([[gaussian_w2(*a, *b) for b in theirs] for a in ours])
    cost = cdist(x1, x2, "sqeuclidean") + between[np.ix_(place1, place2)]
    return transport(cost, np.full(len(x1), 1 / len(x1)), np.full(len(x2), 1 / len(x2)))
