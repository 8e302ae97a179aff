"""How strongly a client pulls the shared model towards its own optimum, method by method.

On quadratics (see `quadratics.py`) client i moves the shared w by -C_i (w - b_i) in a round of
full-batch steps, where C_i = c(A_i) is a function of its curvature alone:

    gradient    c(a) = eta a                                        one gradient step
    fedavg      c(a) = 1 - (1 - eta a)^E                            E local steps
    fedprox     c(a) = (a / h) (1 - (1 - eta h)^E),  h = a + mu     E local steps
                c(a) = a / (a + mu)                                 solved exactly
    pfedme      c(a) = 1 - (1 - eta kappa)^R,  kappa = lambda a / (a + lambda)
                                                  times 1 - (1 - rho (a + lambda))^K after K
                                                  inner steps in place of the exact solution
    per_fedavg  c(a) = 1 - (1 - beta a (1 - alpha a)^2)^tau         exact Hessian
                c(a) = 1 - (1 - beta a (1 - alpha a))^tau           first order
    uga         c(a) = eta_g a (1 - alpha a)^(2 J)                  also GDP

All are written for curvatures [N, P]; numbers of steps may differ by client, [N].
What a method converges to is the balance of these pulls: `fixed_point.py`.

Source  arithmetic on the algorithms as the files of `methods/` state them
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .quadratics import Floats, Spectral


def gradient(lr: float) -> Spectral:
    """One gradient step: balanced at the optimum."""
    return lambda a: lr * a


def fedavg(lr: float, steps: ArrayLike) -> Spectral:
    """`steps` E (one number, or [N]) gradient steps of size eta = lr."""
    return _repeated(lambda a: lr * a, steps)


def fedprox(mu: float, lr: float | None = None, steps: ArrayLike = 1) -> Spectral:
    """E steps of size eta = lr on F_i(y) + mu/2 |y - w|^2; solved exactly without lr."""

    def pull(a: Floats) -> Floats:
        h = a + mu
        share = np.divide(a, h, out=np.zeros_like(a), where=h > 0)
        return share if lr is None else share * _repeated(lambda _: lr * h, steps)(a)

    return pull


def pfedme(
    lam: float,
    lr: float,
    rounds: int,
    *,
    personal_lr: float | None = None,
    inner_steps: int = 1,
) -> Spectral:
    """R = rounds local rounds of size eta = lr; the proximal point exact without personal_lr."""

    def step(a: Floats) -> Floats:
        kappa = lam * a / (a + lam)
        if personal_lr is not None:
            kappa = kappa * (1 - (1 - personal_lr * (a + lam)) ** inner_steps)
        return lr * kappa

    return _repeated(step, rounds)


def per_fedavg(
    alpha: float, beta: float, steps: ArrayLike, *, first_order: bool = False
) -> Spectral:
    """tau = steps meta-steps of size beta towards the loss after one step of size alpha."""
    power = 1 if first_order else 2
    return _repeated(lambda a: beta * a * (1 - alpha * a) ** power, steps)


def uga(alpha: float, inner_steps: int, server_lr: float = 1.0) -> Spectral:
    """The gradient, by w, of the loss after J = inner_steps steps of size alpha."""
    return lambda a: server_lr * a * (1 - alpha * a) ** (2 * inner_steps)


def _repeated(step: Callable[[Floats], Floats], times: ArrayLike) -> Spectral:
    """1 - (1 - step(a))^times: what is left of the way after equal relative steps."""
    count = np.reshape(times, (-1, 1))
    return lambda a: 1 - (1 - step(a)) ** count
