"""Handing samples out: a table of counts, clients by classes, becomes lists of indices.

A skew decides how many samples of each class every client gets; which ones is left to chance.
So every sample goes to exactly one client once, whatever the skew.
"""

from heapq import heapify, heappop, heapreplace

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError

Indices = npt.NDArray[np.int64]


def check_sizes(samples: int, clients: int, min_size: int) -> None:
    """Whether `samples` are enough for `clients` of at least `min_size` each (0: may be empty).

    Raises:
        InputError: they are not, or a number makes no sense.
    """
    if clients < 1:
        raise InputError(f"The number of clients must be at least 1, not {clients}.")
    if min_size < 0:
        raise InputError(f"The smallest size of a client must be at least 0, not {min_size}.")
    if min_size and clients > samples:
        raise InputError(
            f"There are more clients than samples ({clients} and {samples}): "
            f"ask for at most {samples} clients."
        )
    if clients * min_size > samples:
        raise InputError(
            f"{clients} clients of at least {min_size} samples need {clients * min_size} samples, "
            f"but there are only {samples}: ask for at most {samples // min_size} clients."
        )


def even_sizes(total: int, clients: int) -> Indices:
    """Sizes [clients] that differ by at most one and sum to `total`; the first are the larger."""
    sizes = np.full(clients, total // clients, np.int64)
    sizes[: total % clients] += 1
    return sizes


def proportional_sizes(total: int, shares: npt.NDArray[np.float64]) -> Indices:
    """Sizes [clients] in proportion to `shares` [clients], summing to `total`.

    The borders are the running sums of the shares, rounded down to whole samples.
    """
    borders = np.cumsum(shares)
    whole = np.floor(total * (borders / borders[-1])).astype(np.int64)
    return np.diff(whole, prepend=0)


def ensure_min_size(table: Indices, min_size: int) -> Indices:
    """Bring every client of a table of counts [clients, classes] to at least `min_size` samples.

    One sample at a time moves from the client that has most (the first of equals), out of the
    class of which that client has most, to the first client that has too few. Nothing is drawn
    at random and nothing is tried twice. The table must hold clients * min_size samples.
    """
    table = table.copy()
    sizes = table.sum(axis=1)
    richest = [(-int(size), i) for i, size in enumerate(sizes) if size > min_size]
    heapify(richest)
    for poor in np.flatnonzero(sizes < min_size):
        for _ in range(min_size - sizes[poor]):
            size, rich = richest[0]
            label = table[rich].argmax()
            table[rich, label] -= 1
            table[poor, label] += 1
            if size + 1 < -min_size:
                heapreplace(richest, (size + 1, rich))
            else:
                heappop(richest)
    return table


def deal_table(labels: Indices, table: Indices, rng: np.random.Generator) -> list[Indices]:
    """Random samples of each class, as many as the table [clients, classes] says.

    The columns of the table sum to the sizes of the classes; the result has one index list a
    client, each in rising order.
    """
    clients = np.arange(len(table))
    owner = np.empty(len(labels), np.int64)
    for label, counts in enumerate(table.T):
        owner[np.flatnonzero(labels == label)] = rng.permutation(np.repeat(clients, counts))
    return by_owner(owner, len(table))


def deal_sizes(sizes: Indices, rng: np.random.Generator) -> list[Indices]:
    """Random samples of any class, `sizes[i]` for client i: one index list a client, rising."""
    return by_owner(rng.permutation(np.repeat(np.arange(len(sizes)), sizes)), len(sizes))


def by_owner(owner: Indices, clients: int) -> list[Indices]:
    """The samples of each client, from the client of each sample [n]."""
    order = np.argsort(owner, kind="stable")
    borders = np.cumsum(np.bincount(owner, minlength=clients))
    return np.split(order, borders[:-1])
