"""Label and quantity skew together: each class is cut among the clients by a Dirichlet draw.

Source  Yurochkin et al., ICML 2019; Li et al., ICDE 2022 (NIID-Bench), without its repetition
        of the draw until all clients are large enough, which changes the distribution
"""

import numpy as np

from unalike.errors import InputError

from .dealing import Indices, check_sizes, deal_table, ensure_min_size, proportional_sizes


def dirichlet(
    labels: Indices,
    clients: int,
    rng: np.random.Generator,
    *,
    alpha: float = 0.5,
    min_size: int = 1,
) -> list[Indices]:
    """Class c goes to the clients in the proportions q_c ~ Dir(alpha 1_N).

    Small alpha: few clients hold most of a class. For C balanced classes the sizes of the
    clients vary with coefficient sqrt((N - 1) / (C (N alpha + 1))). Clients left with less than
    `min_size` samples are helped by the rule of `ensure_min_size`; 0 leaves them empty.
    Labels [n] -> one index list a client.

    Raises:
        InputError: alpha is not a positive number, or there are too few samples.
    """
    check_sizes(len(labels), clients, min_size)
    check_alpha(alpha)
    shares = rng.dirichlet(np.full(clients, alpha), size=labels.max() + 1)
    table = np.stack(
        [proportional_sizes(n, q) for n, q in zip(np.bincount(labels), shares, strict=True)], axis=1
    )
    return deal_table(labels, ensure_min_size(table, min_size), rng)


def check_alpha(alpha: float) -> None:
    """Whether alpha can be the concentration of a Dirichlet distribution."""
    if not 0 < alpha < np.inf:
        raise InputError(
            f"alpha must be a positive number, not {alpha}: small (0.1) for clients that are "
            "unalike, large (100) for clients that are alike."
        )
