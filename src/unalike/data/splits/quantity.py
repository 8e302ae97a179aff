"""Quantity skew: the same mix of classes for everybody, but very different amounts."""

from typing import Literal

import numpy as np

from unalike.errors import InputError

from .dealing import Indices, check_sizes, deal_sizes, proportional_sizes


def quantity(
    labels: Indices,
    clients: int,
    rng: np.random.Generator,
    *,
    law: Literal["lognormal", "power"] = "lognormal",
    sigma: float = 1.0,
    exponent: float = 1.0,
    min_size: int = 1,
) -> list[Indices]:
    """Every client gets `min_size` samples, the rest goes in proportion to random weights.

    law "lognormal": weights exp(sigma z), z ~ N(0, 1); "power": weights rank^-exponent, the
    ranks 1..N dealt at random. Labels [n] -> one index list a client.

    Raises:
        InputError: an unknown law, a negative sigma or exponent, or too few samples.
    """
    check_sizes(len(labels), clients, min_size)
    for name, value in (("sigma", sigma), ("exponent", exponent)):
        if not 0 <= value < np.inf:
            raise InputError(f"{name} must be a number from 0 up, not {value}.")
    if law == "lognormal":
        logs = sigma * rng.standard_normal(clients)
    elif law == "power":
        logs = -exponent * np.log(rng.permutation(clients) + 1.0)
    else:
        raise InputError(f"The law of quantity must be 'lognormal' or 'power', not {law!r}.")
    spare = len(labels) - clients * min_size
    return deal_sizes(min_size + proportional_sizes(spare, np.exp(logs - logs.max())), rng)
