"""How far clients differ in level, beside the noise within them: variances from sums alone.

    y_ij = mu + x_ij beta + b_i + e_ij      var b_i = tau^2, var e_ij = sigma^2

Henderson's method III equates two sums of squares with what is expected of them:

    within    residuals of y - ybar_i on x - xbar_i: (N - K - r) sigma^2
    together  residuals of y on 1 and x: (N - r') sigma^2 + (N - tr (X'X)^-1 D) tau^2

Both follow from sums over clients of `ClientSums`, asked once, so that secure aggregation is
enough. Unbiased for any sizes, without normality and without rounds; restricted likelihood needs
sums weighted anew in each of its steps. With clients of equal size and no x the two agree, and both
are the analysis of variance.

Source  Henderson, Biometrics 1953, method 3; Searle, Casella and McCulloch, Variance Components
        (1992), section 5.5
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class ClientSums(NamedTuple):
    """Sums over the samples of a client, or of several; z stands for (1, x, y)."""

    clients: float  # who hold a sample
    products: Floats  # sum of z z' [2 + p, 2 + p]
    within: Floats  # the same of deviations from the client's own mean
    totals: Floats  # sum over clients of (sum of z) (sum of z)'


class VarianceComponents(NamedTuple):
    """Of the difference between clients and of the noise within them."""

    between: float  # tau^2; may be below zero by chance
    within: float  # sigma^2


def client_sums(x: Floats, y: Floats) -> ClientSums:
    """Of one client's samples x [n, p], y [n]."""
    z = np.column_stack([np.ones(len(y)), x, y]).astype(np.float64)
    total = z.sum(0)
    deviations = z - total / max(1, len(z))
    return ClientSums(float(len(z) > 0), z.T @ z, deviations.T @ deviations, np.outer(total, total))


def added(several: Iterable[ClientSums]) -> ClientSums:
    """Of all clients."""
    parts = zip(*several, strict=True)
    return ClientSums(*(sum(part[1:], start=part[0]) for part in map(list, parts)))


def variance_components(sums: ClientSums) -> VarianceComponents:
    """The estimates; NaN where clients are too few, or hold too little, to tell the two apart."""
    samples = sums.products[0, 0]
    within, rank_within = _residual(sums.within[1:, 1:])
    together, rank = _residual(sums.products)
    free = samples - sums.clients - rank_within
    fixed = sums.products[:-1, :-1]
    share = samples - float(np.trace(_inverse(fixed) @ sums.totals[:-1, :-1]))
    if free < 0.5 or share < 1e-9 * samples:
        return VarianceComponents(np.nan, np.nan)
    noise = within / free
    return VarianceComponents((together - (samples - rank) * noise) / share, noise)


def _residual(products: Floats) -> tuple[float, int]:
    """Of the last column on those before: the sum of squares, and the rank of these."""
    if len(products) == 1:
        return float(products[0, 0]), 0
    left, right = products[:-1, :-1], products[:-1, -1]
    inverse = _inverse(left)
    explained = right @ inverse @ right
    rank = round(float(np.trace(left @ inverse)))
    return max(0.0, float(products[-1, -1] - explained)), rank


def _inverse(matrix: Floats) -> Floats:
    """Of a matrix of sums of products, on one scale; columns that add nothing are left out."""
    size = np.sqrt(np.diag(matrix))
    scale = np.where(size > 0, size, 1)
    found: Floats = np.linalg.pinv(matrix / np.outer(scale, scale), rcond=1e-10, hermitian=True)
    return found / np.outer(scale, scale)
