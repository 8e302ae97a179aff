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
    beside = tuple(type(t)(*(part.detach() for part in t)) for t in beside)
    if not value.requires_grad:
        return torch.zeros_like(w), beside
    return _slope(value, w), beside


def plain_curvature(fn: Callable[[Tensor], Tensor], w: Tensor, v: Tensor) -> Tensor:
    """The Hessian of `fn(w) -> []` at w [P], times v [P]."""
    w = w.detach().requires_grad_()
    with torch.enable_grad():
        value = fn(w)
        if not value.requires_grad:
            return torch.zeros_like(w)
        along = (_slope(value, w, create_graph=True) * v.detach()).sum()
    if not along.requires_grad:
        return torch.zeros_like(w)
    along.backward()  # all the way, so that a part without a second derivative raises its error
    return torch.zeros_like(w) if w.grad is None else w.grad


def _slope(value: Tensor, w: Tensor, *, create_graph: bool = False) -> Tensor:
    return torch.autograd.grad(
        value, w, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )[0]
