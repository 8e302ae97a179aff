"""Clients known by counts, means and covariances alone, and clients as chance would have them.

Nothing can be shuffled where samples stay away, so chance is simulated: the samples of a class are
taken for draws from one elliptical distribution with everybody's mean, covariance and kurtosis of
that class. Then a client's mean of n of them is normal, and its covariance is that of a Wishart
matrix, spread and scaled as the kurtosis has it.

    S = Sigma + sqrt(1 + kappa) (W - Sigma) + sqrt(kappa / n) z Sigma,  n W ~ Wishart(Sigma, n - 1)

where 1 + kappa = E |u|^4 / (tr(Sigma)^2 + 2 tr(Sigma^2)). Sigma of few samples is shrunk towards
a ball (OAS). Noise that clients add is added too.

Source  Bartlett, Proc. R. Soc. Edinb. 1933 (Wishart matrices); Muirhead, 1982, section 1.6
        (covariances of elliptical samples)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unalike.measures.distances import root

from .summary import FEWEST
from .summary_noise import Noise, symmetric

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moments:
    """N clients' samples of C classes along m directions."""

    counts: Integers  # [N, C]
    mean: Floats  # [N, C, m]
    covariance: Floats  # [N, C, m, m]
    tails: Floats  # [N, C]
    noise: Noise | None = None

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Whose samples of which class are known well enough to be looked at: [N, C]."""
        least = FEWEST if self.noise is None else max(FEWEST, 4 * self.noise.deviation)
        return self.counts >= least

    @cached_property
    def shared(self) -> NDArray[np.bool_]:
        """Those of classes of which more than one client tells: [N, C]."""
        return self.known & (self.known.sum(0) > 1)

    @cached_property
    def weight(self) -> Floats:
        """Each client's share in what is told of a class: [N, C], columns sum to 1 or 0."""
        held = np.where(self.known, self.counts, 0)
        return held / np.maximum(held.sum(0), 1)

    @cached_property
    def everybody(self) -> tuple[Floats, Floats]:
        """Mean [C, m] and covariance [C, m, m] of each class, all clients together."""
        return mixture(self.weight.T, self.mean.swapaxes(0, 1), self.covariance.swapaxes(0, 1))

    @cached_property
    def kurtosis(self) -> Floats:
        """kappa of each class within clients, at least 0: [C]."""
        within = np.einsum("nc,ncij->cij", self.weight, self.covariance)
        usual = np.square(np.trace(within, axis1=1, axis2=2)) + 2 * np.square(within).sum((1, 2))
        tails = (self.weight * self.tails).sum(0)
        return np.maximum(tails / np.where(usual > 0, usual, 1) - 1, 0) * (usual > 0)

    @cached_property
    def _likely(self) -> Floats:
        """Covariances [C, m, m] to draw from: those of few samples vary too much, so are shrunk."""
        covariance = self.everybody[1]
        m, n = covariance.shape[-1], np.maximum(np.where(self.known, self.counts, 0).sum(0), 2)
        squared = np.square(np.trace(covariance, axis1=1, axis2=2))
        squares = np.square(covariance).sum((1, 2))
        deviations = (n + 1 - 2 / m) * (squares - squared / m)
        sure = np.where(deviations > 0, deviations, 1)
        share = np.where(deviations > 0, np.minimum(((1 - 2 / m) * squares + squared) / sure, 1), 1)
        ball = (np.sqrt(squared) / m)[:, None, None] * np.eye(m)
        shrunk = covariance + share[:, None, None] * (ball - covariance)
        return shrunk * (n / (n - 1))[:, None, None]

    def draw(self, counts: Integers, rng: np.random.Generator) -> Moments:
        """The same classes held by clients that do not differ within them: counts [N, C]."""
        mean, covariance = self.everybody[0], self._likely
        m = mean.shape[1]
        n = np.maximum(counts, 1)[:, :, None]
        factor = root(covariance)
        normal = np.einsum("cij,ncj->nci", factor, rng.standard_normal((*counts.shape, m)))
        scatter = factor @ wishart(np.maximum(counts - 1, 0), m, rng) @ factor
        kappa = self.kurtosis[:, None, None]
        more = np.sqrt(kappa / n[..., None]) * rng.standard_normal((*counts.shape, 1, 1))
        deviations = scatter / n[..., None] - covariance
        drawn = covariance + np.sqrt(1 + kappa) * deviations + more * covariance
        found = replace(self, counts=counts, mean=mean + normal / np.sqrt(n), covariance=drawn)
        return found if self.noise is None else found._with_noise(self.noise, rng)

    def _with_noise(self, noise: Noise, rng: np.random.Generator) -> Moments:
        """As a client would tell them, but for the numbers of samples, which stay."""
        n = np.maximum(self.counts, 1)[:, :, None]
        noisy = np.maximum(n + noise.errors(n.shape, rng), 1)
        sums = n * self.mean + noise.deviation * rng.standard_normal(self.mean.shape)
        outer = self.mean[..., :, None] * self.mean[..., None, :]
        second = n[..., None] * (self.covariance + outer)
        second = second + noise.deviation * symmetric(rng.standard_normal(second.shape))
        mean, second = sums / noisy, second / noisy[..., None]
        return replace(self, mean=mean, covariance=second - mean[..., :, None] * mean[..., None, :])


def mixture(weight: Floats, mean: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Mean [G, m] and covariance [G, m, m] of mixtures of K parts.

    weight [G, K] with sums 1 (or 0), mean [G, K, m], covariance [G, K, m, m].
    """
    centre = np.einsum("gk,gki->gi", weight, mean)
    deviations = mean - centre[:, None]
    second = covariance + deviations[..., :, None] * deviations[..., None, :]
    return centre, np.einsum("gk,gkij->gij", weight, second)


def wishart(freedom: Integers, m: int, rng: np.random.Generator) -> Floats:
    """W(I, nu) matrices for degrees of freedom nu [...], which may be fewer than m: [..., m, m]."""
    left = np.maximum(freedom[..., None] - np.arange(m), 0)
    lower = np.tril(rng.standard_normal((*freedom.shape, m, m)), -1)
    lower[..., np.arange(m), np.arange(m)] = np.sqrt(2 * rng.standard_gamma(left / 2))
    lower *= (left > 0)[..., None, :]
    return lower @ lower.swapaxes(-1, -2)
