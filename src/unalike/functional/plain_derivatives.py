"""Derivatives by plain autograd, for functions that `torch.func` cannot transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def plain_gradient(
    fn: Callable[[Tensor], tuple[Tensor, tuple[Any, ...]]], w: Tensor
) -> tuple[Tensor, tuple[Any, ...]]:
    """The gradient [P] at w [P] of `fn(w) -> (value [], tuples of tensors)`, and these tuples."""
    w = w.detach().requires_grad_()
    with torch.enable_grad():
        value, beside = fn(w)
    return _gradient(value, w), tuple(type(t)(*(part.detach() for part in t)) for t in beside)


def plain_curvature(fn: Callable[[Tensor], Tensor], w: Tensor, v: Tensor) -> Tensor:
    """The Hessian of `fn(w) -> []` at w [P], times v [P]."""
    w = w.detach().requires_grad_()
    with torch.enable_grad():
        slope = _gradient(fn(w), w, create_graph=True)
        along = (slope * v.detach()).sum()
    return _gradient(along, w)


def _gradient(value: Tensor, w: Tensor, *, create_graph: bool = False) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(w)
    return torch.autograd.grad(
        value, w, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )[0]
