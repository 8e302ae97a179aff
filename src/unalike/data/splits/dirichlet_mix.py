"""Label skew alone: clients of equal size, each with a class mix of its own.

Source  Hsu, Qi and Brown, arXiv:1909.06335, whose alpha is C times ours for C classes
"""

import numpy as np

from .dealing import Indices, check_sizes, deal_table, even_sizes
from .dirichlet import check_alpha


def dirichlet_mix(
    labels: Indices,
    clients: int,
    rng: np.random.Generator,
    *,
    alpha: float = 0.5,
    min_size: int = 1,
) -> list[Indices]:
    """Client i draws its samples by the class mix p_i ~ Dir(alpha 1_C), without replacement.

    All clients draw at once, so that no index is favoured. Of a class that is asked for more
    often than it has samples, chance decides who goes without; these draw again by their mix
    over the classes that are left, renormalised, or where it has nothing there by what is left.
    Each turn uses up a class or is the last, so there are at most C. All samples are used, and
    sizes differ by at most one.
    Labels [n] -> one index list a client.

    Raises:
        InputError: alpha is not a positive number, or there are too few samples.
    """
    check_sizes(len(labels), clients, min_size)
    check_alpha(alpha)
    left = np.bincount(labels)
    mixes = rng.dirichlet(np.full(len(left), alpha), size=clients)
    missing = even_sizes(len(labels), clients)
    table = np.zeros((clients, len(left)), np.int64)
    while missing.any():
        mixes = np.where(left > 0, mixes, 0)
        mixes = np.where(mixes.sum(axis=1, keepdims=True) > 0, mixes, left)
        mixes /= mixes.sum(axis=1, keepdims=True)
        wanted = rng.multinomial(missing, mixes)
        for label in np.flatnonzero(wanted.sum(axis=0) > left):
            wanted[:, label] = rng.multivariate_hypergeometric(
                wanted[:, label], left[label], method="marginals"
            )
        table += wanted
        left = left - wanted.sum(axis=0)
        missing = missing - wanted.sum(axis=1)
    return deal_table(labels, table, rng)
