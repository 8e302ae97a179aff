"""Maximum mean discrepancy: the distance of two means in the feature space of a Gaussian kernel.

    MMD^2 = E k(X, X') - 2 E k(X, Y) + E k(Y, Y'),  k(a, b) = exp(-|a - b|^2 / (2 s^2))

Zero only for equal distributions. The unbiased form leaves out pairs of a sample with itself and
can be negative; the biased one is a squared distance. The scale s is the median distance.

Source  Gretton et al., JMLR 2012
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist

from unalike.functional.streams import generator

Floats = NDArray[np.float64]

MOST_PAIRED = 1000
"""Samples whose pairwise distances decide the median."""


def mmd2(x: Floats, y: Floats, *, scale: float | None = None, biased: bool = False) -> float:
    """MMD^2 of samples x [n, d] and y [m, d]; the unbiased form needs two of each."""
    s = median_distance(np.concatenate([x, y])) if scale is None else scale
    within = [gaussian_kernel(z, z, s) for z in (x, y)]
    cross = float(gaussian_kernel(x, y, s).mean())
    if biased:
        return float(within[0].mean() + within[1].mean() - 2 * cross)
    own = [(k.sum() - len(k)) / (len(k) * (len(k) - 1)) for k in within]
    return float(own[0] + own[1] - 2 * cross)


def gaussian_kernel(x: Floats, y: Floats, scale: float) -> Floats:
    """k between all pairs of x [n, d] and y [m, d]: [n, m]."""
    return np.exp(-cdist(x, y, "sqeuclidean") / (2 * scale**2))


def median_distance(x: Floats, seed: int = 0) -> float:
    """The median distance between samples x [n, d]; 1 where all are equal."""
    if len(x) > MOST_PAIRED:
        x = x[generator(seed, "distances/median").choice(len(x), MOST_PAIRED, replace=False)]
    middle = float(np.median(pdist(x))) if len(x) > 1 else 0.0
    return middle or 1.0
