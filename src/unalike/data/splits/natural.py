"""No made-up skew: every sample stays with the person, hospital or device that it came from."""

from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError

from .dealing import Indices


def natural(
    labels: Indices,
    clients: int | None,
    rng: np.random.Generator,
    *,
    client: npt.NDArray[Any],
    min_size: int = 1,
) -> list[Indices]:
    """The samples of each client in the column `client` [n], the clients in sorted order.

    Fewer `clients` than there are: a random choice of them, the samples of the others unused.
    Samples never move between natural clients, so one that is too small is an error.

    Raises:
        InputError: more clients than there are by nature, or one with less than `min_size`.
    """
    names, codes = np.unique(client, return_inverse=True)
    wanted = len(names) if clients is None else clients
    if not 1 <= wanted <= len(names):
        raise InputError(
            f"There are {len(names)} natural clients, so {wanted} cannot be had: "
            f"ask for 1 to {len(names)} of them."
        )
    order = np.argsort(codes, kind="stable")
    held = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    chosen = np.sort(rng.choice(len(names), wanted, replace=False))
    small = [i for i in chosen if len(held[i]) < min_size]
    if small:
        first = small[0]
        count = f" ({len(small)} of {len(chosen)} clients are)" if len(small) > 1 else ""
        raise InputError(
            f"Client {str(names[first])!r} is too small: it holds {len(held[first])} of the "
            f"{min_size} samples that each client needs{count}; merge it with another, leave it "
            "out, or lower min_size (--min-size)."
        )
    return [held[i] for i in chosen]
