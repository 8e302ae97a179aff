"""Stochastic dual coordinate ascent for linear classifiers with the hinge loss.

One against the rest: class k of sample i has the label y_ik = +-1 and the dual variable alpha_ik
with alpha_ik y_ik in [0, 1]. With b = (1/n) sum_i alpha_i x_i a task's model is w = sigma b / lam.

Source  Shalev-Shwartz and Zhang, JMLR 2013 (arXiv:1209.1873)
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unalike.core import Batch, Batches, Problem, average, descend
from unalike.errors import InputError


class Ascent(NamedTuple):
    """Where the dual solver stands."""

    alpha: Tensor  # [capacity, K]
    w: Tensor  # [P] the model that alpha stands for, as this client sees it
    b: Tensor  # [P] the change of b


def classes_of(problem: Problem) -> int:
    """K of a linear classifier.

    Raises:
        InputError: the model is not one linear layer with at least two outputs.
    """
    problem.require_classes("The setting form = 'dual'")
    module: Any = getattr(problem, "module", None)
    layers = [m for m in module.modules() if not list(m.children())] if module else []
    linear = [m for m in layers if isinstance(m, nn.Linear)]
    others = [m for m in layers if not isinstance(m, nn.Linear | nn.Flatten | nn.Identity)]
    if len(linear) != 1 or others or linear[0].out_features < 2:
        raise InputError(
            "The setting form = 'dual' needs a linear model (one linear layer with an output for "
            "each class, such as multinomial logistic regression); use form = 'primal' for others."
        )
    return linear[0].out_features


def ascend(
    problem: Problem, w: Tensor, alpha: Tensor, curvature: Tensor, lam: float, batches: Batches
) -> Ascent:
    """One coordinate step for every sample that passes; alpha [capacity, K] starts at w [P].

    curvature [] = rho sigma: how far the model moves with b, times lam.
    """
    n = batches.size.clamp(min=1).to(w.dtype)

    def step(here: Ascent, batch: Batch) -> Ascent:
        alpha, w, b = here
        x, y = _features(problem, batch.x), _signs(batch.y, alpha.shape[1]).to(w.dtype)
        for i in range(len(x)):
            at = batch.position[i : i + 1]
            old = alpha.index_select(0, at)[0]
            gain = lam * n * (1 - y[i] * (_matrix(problem, w) @ x[i]))
            new = y[i] * (gain / (curvature * (x[i] @ x[i])) + old * y[i]).clamp(0, 1)
            change = batch.weight[i] * (new - old)
            alpha = alpha.index_add(0, at, change[None])
            move = _flat(problem, change[:, None] * x[i]) / n
            w, b = w + curvature / lam * move, b + move
        return Ascent(alpha, w, b)

    return descend(step, Ascent(alpha, w, torch.zeros_like(w)), batches)


def slack(problem: Problem, w: Tensor, alpha: Tensor, batches: Batches) -> Tensor:
    """Mean hinge loss at w less mean alpha y []: this task's part of the duality gap."""

    def part(batch: Batch) -> Tensor:
        x, y = _features(problem, batch.x), _signs(batch.y, alpha.shape[1]).to(w.dtype)
        hinge = (1 - y * (x @ _matrix(problem, w).T)).clamp(min=0)
        mine = alpha.index_select(0, batch.position) * y
        return ((hinge - mine).sum(1) * batch.weight).sum() / batch.size

    return average(part, batches)


def _signs(y: Tensor, classes: int) -> Tensor:
    """+1 for the sample's class (or each of its labels) and -1 for the rest: [B, K]."""
    if y.dim() == 1:
        y = (y[:, None] == torch.arange(classes, device=y.device)).to(torch.int64)
    return 2 * y - 1


def _features(problem: Problem, x: Tensor) -> Tensor:
    """The samples as rows [B, d], with a 1 behind where the layer has a bias."""
    rows = x.flatten(1)
    biased = len(problem.layout.shapes) == 2
    return torch.cat([rows, torch.ones_like(rows[:, :1])], 1) if biased else rows


def _matrix(problem: Problem, w: Tensor) -> Tensor:
    """The layer's weights [K, d], the bias as a last column."""
    weight, *bias = problem.layout.views(w).values()
    return torch.cat([weight, bias[0][:, None]], 1) if bias else weight


def _flat(problem: Problem, matrix: Tensor) -> Tensor:
    """The inverse of `_matrix`: [P]."""
    if len(problem.layout.shapes) == 1:
        return matrix.reshape(-1)
    return torch.cat([matrix[:, :-1].reshape(-1), matrix[:, -1]])
