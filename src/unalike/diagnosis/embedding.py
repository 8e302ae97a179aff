"""Samples as points whose means tell distributions apart: random features of a Gaussian kernel.

    phi(x) = sqrt(2 / D) cos(x W + b),  W ~ N(0, 1 / s^2),  b ~ U(0, 2 pi)
    <phi(a), phi(b)> ~ k(a, b)

so that |mean phi(X) - mean phi(Y)|^2 is the MMD^2 of X and Y, and a shuffle costs a few sums. One
coordinate more says how far out a sample lies (its length once whitened, in standard deviations,
times sqrt 0.1): noise in many dimensions hardly moves a Gaussian kernel, but it moves this.

Source  Rahimi and Recht, NeurIPS 2007
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from unalike.functional.streams import generator
from unalike.measures.distances import median_distance

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEATURES = 192
OUTWARD = 0.1


def embed(x: Floats, seed: int) -> Floats:
    """phi of samples x [n, d], with s the median distance: [n, FEATURES + 1]."""
    rng = generator(seed, "diagnosis/embed")
    directions = rng.standard_normal((x.shape[1], FEATURES)) / median_distance(x, seed)
    phases = rng.uniform(0, 2 * np.pi, FEATURES)
    waves = np.sqrt(2 / FEATURES) * np.cos(x @ directions + phases)
    return np.column_stack([waves, np.sqrt(OUTWARD) * _outward(x)])


def sums(phi: Floats, group: Integers, groups: int) -> Floats:
    """The sum over each group of rows: phi [n, D], group [n] -> [groups, D]."""
    rows = np.arange(len(group))
    belongs = csr_array((np.ones(len(group)), (group, rows)), shape=(groups, len(group)))
    return belongs @ phi


def between_groups(total: Floats, counts: Integers) -> float:
    """sum_g |S_g|^2 / n_g over groups with sums S [groups, D] and counts n [groups]."""
    held = counts > 0
    return float((np.square(total[held]).sum(1) / counts[held]).sum())


def main_directions(x: Floats, most: int) -> Floats:
    """Samples x [n, d] along the directions in which they vary most: [n, at most `most`]."""
    centred = x - x.mean(0)
    vectors = np.linalg.eigh(centred.T @ centred / len(x))[1]
    return centred @ vectors[:, ::-1][:, :most]


def _outward(x: Floats) -> Floats:
    """How far out samples x [n, d] lie, mean 0, deviation 1, cut at 3: [n]."""
    centred = x - x.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x))
    whitened = centred @ vectors / np.sqrt(np.maximum(values, 0) + 1e-2 * values.mean() + 1e-12)
    length = np.linalg.norm(whitened, axis=1)
    return np.clip((length - length.mean()) / (length.std() or 1.0), -3, 3)
