"""Clients whose losses are quadratics: the world in which federated methods can be solved.

    F_i(w) = 1/2 (w - b_i)' A_i (w - b_i),   F = sum p_i F_i
    optimum  w* = (sum p_i A_i)^-1 sum p_i A_i b_i
    Gamma    F(w*) - sum p_i min F_i = F(w*)          (the clients' own minima are 0)

Full-batch gradient steps on F_i are linear in w - b_i, so that a round of most methods is too.

Source  Gamma: Li et al., ICLR 2020, section 3 (arXiv:1907.02189); the rest is arithmetic
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unalike.errors import InputError

Floats = NDArray[np.float64]
"""Arrays of double precision."""
Spectral = Callable[[Floats], Floats]
"""A function of curvatures: eigenvalues [N, P] of the A_i -> numbers [N, P]."""


class Quadratics(NamedTuple):
    """N clients over P weights; see `quadratics` for a way to make them."""

    curvatures: Floats  # [N, P, P] A_i, symmetric, positive semidefinite
    centres: Floats  # [N, P] b_i, the clients' own optima
    weights: Floats  # [N] p_i, sum to 1

    def gradients(self, w: ArrayLike) -> Floats:
        """A_i (w - b_i) [N, P] at w [P]."""
        return np.einsum("npq,nq->np", self.curvatures, self._gaps(w))

    def losses(self, w: ArrayLike) -> Floats:
        """F_i(w) [N]."""
        return 0.5 * (self._gaps(w) * self.gradients(w)).sum(1)

    def loss(self, w: ArrayLike) -> float:
        """F(w)."""
        return float(self.weights @ self.losses(w))

    def optimum(self) -> Floats:
        """w* [P], the minimiser of F."""
        return self.balance(self.curvatures)

    def gamma(self) -> float:
        """Gamma = F(w*) - sum p_i min F_i, zero only where all can have their own optimum."""
        return self.loss(self.optimum())

    def extremes(self) -> tuple[float, float]:
        """mu and L: the least and the largest curvature of any client."""
        values = np.linalg.eigvalsh(self.curvatures)
        return float(values.min()), float(values.max())

    def of_curvature(self, function: Spectral) -> Floats:
        """The matrices function(A_i) [N, P, P]: the function applied to the eigenvalues."""
        values, vectors = np.linalg.eigh(self.curvatures)
        return np.einsum("npk,nk,nqk->npq", vectors, function(values), vectors)

    def balance(self, pulls: Floats) -> Floats:
        """Where sum p_i C_i (w - b_i) = 0, for pulls C_i [N, P, P]: w [P]."""
        total = np.einsum("n,npq->pq", self.weights, pulls)
        target = np.einsum("n,npq,nq->p", self.weights, pulls, self.centres)
        return np.linalg.solve(total, target)

    def _gaps(self, w: ArrayLike) -> Floats:
        return np.asarray(w, np.float64).reshape(1, -1) - self.centres


def quadratics(
    curvatures: Sequence[ArrayLike], centres: ArrayLike, weights: ArrayLike | None = None
) -> Quadratics:
    """Clients from curvatures (numbers a_i, meaning a_i I, or matrices [P, P]) and centres.

    centres: [N], or [N, P]; weights: [N], scaled to a sum of 1; equal if not given.

    Raises:
        InputError: a curvature is not symmetric and positive semidefinite, or lengths differ.
    """
    b = np.asarray(centres, np.float64)
    b = b[:, None] if b.ndim == 1 else b
    n, size = b.shape
    p = np.full(n, 1 / n) if weights is None else np.asarray(weights, np.float64)
    if len(curvatures) != n or len(p) != n:
        raise InputError(
            f"Give every client one curvature, one centre and one weight: there are "
            f"{len(curvatures)}, {n} and {len(p)}."
        )
    a = np.stack([_matrix(np.asarray(curvature, np.float64), size) for curvature in curvatures])
    if not np.allclose(a, a.transpose(0, 2, 1)) or np.linalg.eigvalsh(a).min() < -1e-12:
        raise InputError("Every curvature must be symmetric and positive semidefinite.")
    return Quadratics(a, b, p / p.sum())


def _matrix(curvature: Floats, size: int) -> Floats:
    return curvature * np.eye(size) if curvature.ndim == 0 else curvature
