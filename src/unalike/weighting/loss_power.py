"""q-FFL's step: clients count by a power of their loss, and the step is scaled to match.

    f_q(w) = sum p_i / (q + 1) F_i(w)^(q + 1)
    Delta_i = F_i^q g_i,  h_i = q F_i^(q-1) |g_i|^2 + L F_i^q
    w <- w - sum p_i Delta_i / sum p_i h_i

Source  Li et al., ICLR 2020, Algorithms 1 and 2 (arXiv:1905.10497)
"""

import torch
from torch import Tensor

from unalike.errors import InputError

FLOOR = 1e-10
"""Added to every loss: a client that has learned all keeps a finite power."""


def step(g: Tensor, losses: Tensor, weights: Tensor, q: float, smoothness: float) -> Tensor:
    """What to subtract from w [P]: gradients g [S, P], losses F [S], weights p [S], and L.

    Both sums are divided by the largest F^q, so that no power over- or underflows.

    Raises:
        InputError: a client's loss is below 0 and q is not.
    """
    if q > 0 and bool((losses < 0).any()):
        raise InputError(
            f"A power of the loss needs losses of at least 0, but a client has "
            f"{float(losses.min()):.4g}; add a constant to the loss, or set q = 0."
        )
    f = losses + FLOOR
    say = weights * (f / f.max()) ** q if q > 0 else weights
    h = q * g.norm(dim=1).square() / f + smoothness
    return torch.tensordot(say, g, dims=1) / (say * h).sum()
