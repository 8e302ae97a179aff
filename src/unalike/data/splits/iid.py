"""No skew: every client gets a random sample of everything, all of equal size."""

import numpy as np

from .dealing import Indices, check_sizes, deal_sizes, even_sizes


def iid(
    labels: Indices, clients: int, rng: np.random.Generator, *, min_size: int = 1
) -> list[Indices]:
    """Deal at random; sizes differ by at most one. Labels [n] -> one index list a client."""
    check_sizes(len(labels), clients, min_size)
    return deal_sizes(even_sizes(len(labels), clients), rng)
