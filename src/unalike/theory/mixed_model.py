"""The linear mixed model behind personal models, and its best predictions.

    model      y_i = X_i beta + Z_i b_i + e_i      b_i ~ N(0, tau^2 I), e_i ~ N(0, sigma^2 I)
    objective  sum_i |y_i - X_i beta - Z_i b_i|^2 + lambda sum_i |b_i|^2
    lambda     sigma^2 / tau^2

Its minimum is the best linear unbiased estimate of beta and the best linear unbiased prediction
(BLUP) of the b_i. A client's part is solved by itself,

    b_i = (Z_i'Z_i + lambda I)^-1 Z_i' (y_i - X_i beta)

which for an intercept alone is the mean residual times n_i / (n_i + lambda); what is left for beta
is one sum over clients. `docs/theory/mixed-model.md` derives it.

Source  Henderson, Biometrics 1975 (mixed model equations); Robinson, Statistical Science 1991
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]


class Observations(NamedTuple):
    """What one client holds."""

    fixed: Floats  # X_i [n, p]
    random: Floats  # Z_i [n, q]
    y: Floats  # [n]


class Effects(NamedTuple):
    """The minimum of the objective."""

    fixed: Floats  # beta [p]
    random: Floats  # b_i [N, q]


def mixed_model(clients: Sequence[Observations], lam: float) -> Effects:
    """Estimate and predictions for lam = sigma^2 / tau^2 > 0."""
    p = clients[0].fixed.shape[1]
    left, right = np.zeros((p, p)), np.zeros(p)
    for one in clients:
        weighted = one.fixed - one.random @ _shrunk(one, one.fixed, lam)
        left += one.fixed.T @ weighted
        right += weighted.T @ one.y
    beta = np.linalg.solve(left, right)
    random = [_shrunk(one, one.y - one.fixed @ beta, lam) for one in clients]
    return Effects(beta, np.stack(random))


def _shrunk(one: Observations, residual: Floats, lam: float) -> Floats:
    """(Z'Z + lam I)^-1 Z' residual."""
    q = one.random.shape[1]
    products = one.random.T @ one.random + lam * np.eye(q)
    return np.linalg.solve(products, one.random.T @ residual)
