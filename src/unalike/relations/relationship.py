"""How m tasks are related: Sigma [m, m], or its inverse, the precision Omega.

With the tasks' models as the rows of W [m, P] the relation enters the objective as
lam / 2 tr(W' Omega W).

Source  Zhang and Yeung, UAI 2010 (arXiv:1203.3536): the trace-normalised square root;
        Evgeniou and Pontil, KDD 2004: the mean-regularised form
"""

import torch
from torch import Tensor

from unalike.functional.finite import finite


def mean_regularised(like: Tensor) -> Tensor:
    """Omega = I - 11'/m for models [m, P]: every model is drawn to the mean of all."""
    m = len(like)
    return torch.eye(m, dtype=like.dtype, device=like.device) - 1 / m


def learned(w: Tensor, floor: float) -> Tensor:
    """Sigma = (W W')^(1/2) / tr(W W')^(1/2) of models w [m, P], rows.

    It minimises tr(W' Sigma^-1 W) over all Sigma >= 0 of trace 1; the least value is the square
    of W's nuclear norm. Eigenvalues below `floor` times the largest are raised to that. Models so
    large that this cannot be computed say nothing of relations: I/m.
    """
    m = len(w)
    gram = w @ w.T
    if not finite(gram):
        return unrelated(w)
    values, vectors = torch.linalg.eigh(gram)
    roots = values.clamp(min=0).sqrt()
    if not bool(roots[-1] > 0):
        return unrelated(w)
    roots = roots.clamp(min=floor * float(roots[-1]))
    sigma = (vectors * (roots / roots.sum())) @ vectors.T
    if not finite(sigma):
        return unrelated(w)
    return (sigma + sigma.T) / 2 if m > 1 else sigma


def unrelated(like: Tensor) -> Tensor:
    """Sigma = I/m for models [m, P]."""
    return torch.eye(len(like), dtype=like.dtype, device=like.device) / len(like)


def inverse(sigma: Tensor) -> Tensor:
    """Omega of a positive definite Sigma, symmetric to the last bit."""
    omega = torch.cholesky_inverse(torch.linalg.cholesky(sigma))
    return (omega + omega.T) / 2


def safety(relation: Tensor) -> Tensor:
    """rho [] = max_t sum_s |R_ts| / R_tt: all tasks may move at once; 1 when R is diagonal."""
    own = relation.diagonal()
    ratios = relation.abs().sum(1) / own.clamp(min=torch.finfo(own.dtype).tiny)
    return torch.where(own > 0, ratios, 1.0).max()
