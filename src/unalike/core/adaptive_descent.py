"""Gradient descent whose step follows the curvature that it meets.

Source  Malitsky and Mishchenko, "Adaptive Gradient Descent without Descent", ICML 2020,
        Algorithm 1 (arXiv:1910.09529)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def adaptive_descent(
    gradient: Callable[[Tensor], Tensor], start: Tensor, steps: int, first: float
) -> Tensor:
    """Where so many steps (at least 1) lead from start [P]; the first step size is given.

    From then on it is 1 / 2L with the L that the last two gradients show, and grows slowly. The
    steps reach the minimum of any convex function whose gradient is locally Lipschitz.
    """
    before, g = start, gradient(start)
    x = before - first * g
    step = torch.full_like(start[0], first)
    growth = torch.full_like(step, torch.inf)
    for _ in range(steps - 1):
        was, g = g, gradient(x)
        moved, turned = (x - before).norm(), (g - was).norm()
        flat = turned == 0
        bound = torch.where(flat, torch.inf, 0.5 * moved / torch.where(flat, 1, turned))
        new = torch.minimum((1 + growth).sqrt() * step, bound)
        new = torch.where(new.isinf(), step, new)
        growth, step = new / step, new
        before, x = x, x - step * g
    return x
