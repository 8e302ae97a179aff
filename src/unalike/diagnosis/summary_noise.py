"""Noise on what one client tells, so that no single sample shows in it: (epsilon, delta)-DP.

Two clients' samples that differ by one, which the one holds and the other does not, give any
answer with chances that differ at most by the factor exp(epsilon), but for a chance of delta.

    counts      change by 1 in one class: discrete Laplace noise, epsilon / 2
    moments     sum of u and upper triangle of the sum of u u^T, |u| <= 1, of one class: they
                change by at most sqrt 2 in Euclidean length: Gaussian noise, epsilon / 2, delta

This holds for one release. Whoever holds several samples of one person is protected the less. The
number of classes and the shape of a sample are not protected.

Source  Dwork et al., TCC 2006; Ghosh, Roughgarden and Sundararajan, STOC 2009 (discrete Laplace);
        Balle and Wang, ICML 2018, arXiv 1805.06530 (the exact Gaussian mechanism)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unalike.errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DELTA = 1e-6
LENGTH = np.sqrt(2)
"""Of the change in the moments that one sample of length one can make."""


@dataclass(frozen=True)
class Noise:
    """How much noise: the smaller epsilon, the more."""

    epsilon: float
    delta: float = DELTA

    def __post_init__(self) -> None:
        if not 1e-3 <= self.epsilon <= 1e3:
            raise InputError(f"A noise of epsilon = {self.epsilon:g}: give 0.001 to 1000.")

    def noisy_counts(self, counts: Integers, rng: np.random.Generator) -> Integers:
        """Counts with noise; what falls below zero is zero."""
        return np.maximum(counts + self.errors(counts.shape, rng), 0)

    def errors(self, shape: tuple[int, ...], rng: np.random.Generator) -> Integers:
        """Discrete Laplace: P(e) ~ exp(-epsilon |e| / 2)."""
        stop = -np.expm1(-self.epsilon / 2)
        return (rng.geometric(stop, shape) - rng.geometric(stop, shape)).astype(np.int64)

    @cached_property
    def deviation(self) -> float:
        """Standard deviation of the Gaussian noise on each number of the moments."""
        from scipy.optimize import brentq

        def excess(sigma: float) -> float:
            return gaussian_delta(sigma / LENGTH, self.epsilon / 2) - self.delta

        return float(brentq(excess, 1e-6, 1e6, xtol=1e-9, rtol=1e-9)) * (1 + 1e-8)


def gaussian_delta(deviation: float, epsilon: float) -> float:
    """The delta of Gaussian noise on what changes by at most 1."""
    from scipy.special import log_ndtr, ndtr

    half, ratio = 0.5 / deviation, epsilon * deviation
    log_second = epsilon + log_ndtr(-half - ratio)
    return float(ndtr(half - ratio) - np.exp(log_second))


def symmetric(matrix: Floats) -> Floats:
    """Matrices [..., m, m] made symmetric from their upper triangles."""
    upper = np.triu(matrix)
    return upper + np.swapaxes(np.triu(matrix, 1), -1, -2)
