"""How far from the optimum FedAvg can be at most, on strongly convex losses: a guarantee.

    E F(w_T) - F* <= kappa / (gamma + T - 1) * (2 (B + C) / mu + mu gamma / 2  E|w_1 - w*|^2)
    B = sum p_i^2 sigma_i^2 + 6 L Gamma + 8 (E - 1)^2 G^2
    C = 0                                       everybody takes part                 (Theorem 1)
        4 / S  E^2 G^2                          scheme I: S drawn with replacement   (Theorem 2)
        (N - S) / (N - 1)  4 / S  E^2 G^2       scheme II: without, p_i = 1 / N      (Theorem 3)
    kappa = L / mu,  gamma = max(8 kappa, E),  eta_t = 2 / (mu (gamma + t))

T and t count local steps, E is the number of them between two averages. Every F_i is L-smooth and
mu-strongly convex. sigma_i^2 bounds the variance of client i's stochastic gradients. G^2 bounds
the expected SQUARED LENGTH of the stochastic gradients along the way; it is not a dissimilarity,
and does not vanish for clients that are alike. What measures heterogeneity is Gamma.

This is a guarantee and not a prediction: on small quadratics it is loose by factors of 10^5 to
10^15. With a constant step size it says nothing, and the bias stays (`fixed_point.py`).

Source  Li et al., ICLR 2020, Theorems 1 to 3 (arXiv:1907.02189). The constants follow the
        published theorems as we read them; not verified against the printed page. An earlier
        version states Theorem 1 with other constants. Tests hold the inequality on quadratics
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from unalike.errors import InputError

from .quadratics import Floats

Scheme = Literal["all", "I", "II"]
"""Who takes part: all, or a cohort by scheme I or II of the paper."""


class Constants(NamedTuple):
    """What the theorems ask of a problem."""

    smoothness: float  # L, units of a curvature
    convexity: float  # mu, units of a curvature
    gamma: float  # Gamma = F* - sum p_i F_i*, units of the loss
    gradient: float  # G, units of a gradient
    start: float  # E|w_1 - w*|^2
    noise: float = 0.0  # sum p_i^2 sigma_i^2, units of a squared gradient

    @property
    def condition(self) -> float:
        """kappa = L / mu."""
        return self.smoothness / self.convexity


def optimum_gap(shared: float, alone: ArrayLike, weights: ArrayLike) -> float:
    """Gamma from F(w*), the clients' least losses F_i* [N] and their weights [N]: at least 0."""
    return float(shared - np.asarray(weights, np.float64) @ np.asarray(alone, np.float64))


def delay(constants: Constants, steps: int) -> float:
    """gamma = max(8 kappa, E)."""
    return max(8 * constants.condition, float(steps))


def step_sizes(constants: Constants, steps: int, count: int) -> Floats:
    """eta_t = 2 / (mu (gamma + t)) for t = 1 .. count."""
    t = np.arange(1, count + 1)
    return 2 / (constants.convexity * (delay(constants, steps) + t))


def drift_term(constants: Constants, steps: int) -> float:
    """B: noise, heterogeneity and local steps."""
    return (
        constants.noise
        + 6 * constants.smoothness * constants.gamma
        + 8 * (steps - 1) ** 2 * constants.gradient**2
    )


def sampling_term(
    constants: Constants, steps: int, *, scheme: Scheme, cohort: int, population: int
) -> float:
    """C: what asking S = cohort of N = population clients adds."""
    if not 1 <= cohort <= population:
        raise InputError(f"The cohort must be between 1 and {population}, not {cohort}.")
    if scheme == "all":
        return 0.0
    replaced = 4 / cohort * steps**2 * constants.gradient**2
    if scheme == "I":
        return replaced
    return (population - cohort) / max(1, population - 1) * replaced


def bound(
    constants: Constants,
    steps: int,
    total: int,
    *,
    scheme: Scheme = "all",
    cohort: int = 1,
    population: int = 1,
) -> float:
    """The most that E F(w_T) - F* can be after T = total local steps, in units of the loss."""
    gamma = delay(constants, steps)
    errors = drift_term(constants, steps) + sampling_term(
        constants, steps, scheme=scheme, cohort=cohort, population=population
    )
    return (
        constants.condition
        / (gamma + total - 1)
        * (2 * errors / constants.convexity + constants.convexity * gamma / 2 * constants.start)
    )
