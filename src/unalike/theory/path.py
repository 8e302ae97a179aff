"""FedAvg on quadratics with a step size of its own for every local step.

    y_i <- y_i - eta_t A_i (y_i - b_i)      t = 1, 2, ...;  averaged after every E steps

Source  Li et al., ICLR 2020, section 2 (arXiv:1907.02189): full participation, full gradients
"""

import numpy as np
from numpy.typing import ArrayLike

from .quadratics import Floats, Quadratics


def fedavg_path(
    clients: Quadratics, start: ArrayLike, step_sizes: ArrayLike, *, steps: int
) -> Floats:
    """The averaged models [R + 1, P] at the start and after each round of E = steps steps.

    step_sizes: [R E], eta_t of every local step; an unfinished last round is left out.
    """
    etas = np.asarray(step_sizes, np.float64)
    w = np.asarray(start, np.float64).reshape(-1)
    seen = [w]
    for first in range(0, len(etas) - steps + 1, steps):
        y = np.broadcast_to(w, clients.centres.shape)
        for eta in etas[first : first + steps]:
            y = y - eta * np.einsum("npq,nq->np", clients.curvatures, y - clients.centres)
        w = clients.weights @ y
        seen.append(w)
    return np.stack(seen)
