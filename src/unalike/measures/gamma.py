"""How much fusing changes the disagreement of the clients' gradients, and through what.

g_i is client i's gradient by the classifier's weights on its own samples, h_i the same at the
same weights and samples with the reconstructions fused in, delta_i = h_i - g_i; a bar is the mean
over weights q_i:

    Gamma(g) = sum q_i |g_i - gbar|^2                       (= 1/2 sum q_i q_j |g_i - g_j|^2)
    R        = sum q_i |delta_i - deltabar|^2 >= 0
    Phi      = 2 sum q_i <g_i - gbar, delta_i - deltabar>
    Gamma(h) = Gamma(g) + R + Phi                           exactly, for any network and weights

So fusing brings the gradients closer if and only if Phi < -R; Phi < 0 alone does not suffice.

Source  FusedSpaceFed, public code, 2026 (github.com/CuriosAI/FusedSpaceFed), for Gamma; its README
        names R and Phi without defining them, these definitions are ours
"""

from typing import NamedTuple

import torch
from torch import Tensor

from unalike.core import Batches, Problem, average
from unalike.core.fused_stages import fused_stages


class Decomposition(NamedTuple):
    """Gamma without and with fusing, and what lies between."""

    original: float  # Gamma(g)
    residual: float  # R
    coupling: float  # Phi
    fused: float  # Gamma(h), computed from h alone
    relative_original: float  # Gamma(g) / |gbar|^2
    relative_fused: float  # Gamma(h) / |hbar|^2

    @property
    def calibrated(self) -> bool:
        """Whether fusing brings the gradients closer: Phi < -R."""
        return self.coupling < -self.residual


def gamma(gradients: Tensor, weights: Tensor) -> float:
    """Gamma of the gradients [S, P] under weights [S] that sum to 1, summed in float64."""
    centred, q = _centred(gradients, weights)
    return float(q @ centred.square().sum(1))


def decompose(plain: Tensor, fused: Tensor, weights: Tensor) -> Decomposition:
    """Gamma, R and Phi from g and h [S, P] and weights [S] that sum to 1."""
    g, q = _centred(plain, weights)
    delta, _ = _centred(fused.double() - plain.double(), weights)
    original, after = gamma(plain, weights), gamma(fused, weights)
    return Decomposition(
        original,
        float(q @ delta.square().sum(1)),
        2 * float(q @ (g * delta).sum(1)),
        after,
        _relative(original, plain, q),
        _relative(after, fused, q),
    )


def gradients(problem: Problem, w: Tensor, batches: Batches) -> tuple[Tensor, Tensor]:
    """One client's g and h [C], over all its training samples, at its own weights w [P].

    The comparison is exact because both are taken at the same classifier, over the same samples
    in the same order; the model must be a function of one sample (no batch statistics).
    """
    model = fused_stages(problem)
    encoder, decoder, classifier = model.parts.split(w)
    autoencoder = torch.cat([encoder, decoder])
    return (
        average(lambda b: model.classifier.grad(classifier, model.plain(b)), batches),
        average(
            lambda b: model.classifier.grad(classifier, model.fuse_batch(autoencoder, b)), batches
        ),
    )


def _centred(rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    rows, q = rows.double(), weights.double()
    return rows - q @ rows, q


def _relative(value: float, rows: Tensor, q: Tensor) -> float:
    """Over the squared length of the mean; NaN where that is zero."""
    length = float((q @ rows.double()).square().sum())
    return value / length if length > 0 else float("nan")
