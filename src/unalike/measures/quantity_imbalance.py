"""How unequal the clients' sizes are.

coefficient of variation    CV = std(n) / mean(n)
effective clients           1 / sum p_i^2 with p_i = n_i / n;  = N / (1 + CV^2)
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def coefficient_of_variation(sizes: Numbers) -> float:
    """CV (population form) of sizes [N]; 0 where all are equal."""
    return float(np.std(sizes) / np.mean(sizes))


def effective_clients(sizes: Numbers) -> float:
    """How many equal clients would weigh the same: sizes [N] -> 1..N."""
    shares = sizes / np.sum(sizes)
    return float(1 / np.square(shares).sum())
