"""Sliced Wasserstein-1 distance: W1 seen along random directions, averaged.

    SW(P, Q) = E_u W1(<u, X>, <u, Y>),  u uniform on the sphere

In d dimensions a shift by s costs |s| E|u_1|. Directions are drawn by a named stream.

Source  Bonneel et al., J. Math. Imaging Vis. 2015
"""

import numpy as np
from numpy.typing import NDArray

from unalike.functional.streams import generator

from .coordinates import coordinates

Floats = NDArray[np.float64]


def sliced(x: Floats, y: Floats, *, directions: int = 50, seed: int = 0) -> float:
    """SW of samples x [n, d] and y [m, d] over so many directions."""
    u = sphere(x.shape[1], directions, seed)
    return float(coordinates(x @ u, y @ u).mean())


def sphere(dimension: int, directions: int, seed: int) -> Floats:
    """Random directions of length 1, one a column: [dimension, directions]."""
    u = generator(seed, "distances/sliced").standard_normal((dimension, directions))
    return u / np.linalg.norm(u, axis=0)
