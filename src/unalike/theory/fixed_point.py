"""Where a method ends on quadratics, and how fast it gets there.

    round   w+ = w - s sum p_i C_i (w - b_i)              s = server_lr, C_i of `pulls.py`
    limit   w_inf = (sum p_i C_i)^-1 sum p_i C_i b_i
    rate    the largest |eigenvalue| of I - s sum p_i C_i; the distance to w_inf shrinks by it

A method finds the optimum of F where its pulls are proportional to the curvatures (one step), or
where the clients' curvatures are equal. Otherwise it has a bias that no number of rounds mends.
For FedAvg and small steps, with A_j = sum p_i A_i^j and B_j = sum p_i A_i^j b_i,

    w_inf - w* = -(E - 1) eta / 2  A_1^-1 (B_2 - A_2 w*)  +  O(eta^2)

SCAFFOLD (options I and II, plain steps, full participation, any steps per client) stands still
only where the mean of its control variates is zero, so that it ends at the optimum under the
weights of THAT mean, whatever weights average the models.

Source  arithmetic; that the bias is of order (E - 1) eta: Li et al., ICLR 2020, Theorem 4
        (arXiv:1907.02189)
"""

import numpy as np
from numpy.typing import ArrayLike

from .quadratics import Floats, Quadratics, Spectral


def fixed_point(clients: Quadratics, pull: Spectral) -> Floats:
    """w_inf [P]."""
    return clients.balance(clients.of_curvature(pull))


def after_round(
    clients: Quadratics, pull: Spectral, w: ArrayLike, *, server_lr: float = 1.0
) -> Floats:
    """The shared model [P] one round after w [P]."""
    start = np.asarray(w, np.float64).reshape(-1)
    return start + server_lr * (clients.weights @ displacements(clients, pull, start))


def displacements(clients: Quadratics, pull: Spectral, w: ArrayLike) -> Floats:
    """How far each client moves from w [P] in a round: -C_i (w - b_i) [N, P]."""
    gaps = np.asarray(w, np.float64).reshape(1, -1) - clients.centres
    return -np.einsum("npq,nq->np", clients.of_curvature(pull), gaps)


def rate(clients: Quadratics, pull: Spectral, *, server_lr: float = 1.0) -> float:
    """The factor by which a round shrinks the distance to w_inf in the long run."""
    mean = np.einsum("n,npq->pq", clients.weights, clients.of_curvature(pull))
    return float(np.abs(1 - server_lr * np.linalg.eigvalsh(mean)).max())


def bias_slope(clients: Quadratics) -> Floats:
    """The derivative [P] of FedAvg's w_inf by (E - 1) eta at eta = 0."""
    squares = clients.of_curvature(np.square)
    pulled = np.einsum("npq,nq->np", squares, clients.optimum() - clients.centres)
    mean = np.einsum("n,npq->pq", clients.weights, clients.curvatures)
    return 0.5 * np.linalg.solve(mean, clients.weights @ pulled)


def scaffold(clients: Quadratics, control_weights: ArrayLike | None = None) -> Floats:
    """Where SCAFFOLD ends [P] if its control variates are averaged with these weights [N]."""
    if control_weights is None:
        return clients.optimum()
    q = np.asarray(control_weights, np.float64)
    return clients._replace(weights=q / q.sum()).optimum()
