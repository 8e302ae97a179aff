"""How far clients stray in local training, and the part of it that does not cancel.

    client drift              d_i(E) = |y_i^E(w) - w| = |C_i (w - b_i)|,  C_i = 1 - (1 - eta A_i)^E
    average drift at optimum  rho(E) = |sum p_i (w* - y_i^E(w*))| / (eta E)

y_i^E(w) is client i's model after E full-batch steps of size eta from w. d_i grows like
E eta |grad F_i(w)| only while eta A_i E is small, then it saturates at |w - b_i|. rho is zero
where FedAvg is unbiased: for E = 1, and for equal curvatures at every E, even though the clients'
gradients disagree there (zeta^2(w*) > 0).

Source  rho: Wang et al., 2022 (arXiv:2206.04723); the closed form of d_i is arithmetic
"""

import numpy as np
from numpy.typing import ArrayLike

from . import pulls
from .fixed_point import displacements
from .quadratics import Floats, Quadratics


def client_drift(clients: Quadratics, w: ArrayLike, *, lr: float, steps: int) -> Floats:
    """d_i(E) [N], in units of w."""
    return np.linalg.norm(displacements(clients, pulls.fedavg(lr, steps), w), axis=1)


def average_drift_at_optimum(clients: Quadratics, *, lr: float, steps: int) -> float:
    """rho(E), in units of a gradient."""
    moved = displacements(clients, pulls.fedavg(lr, steps), clients.optimum())
    return float(np.linalg.norm(clients.weights @ moved)) / (lr * steps)
