"""Extreme label skew: every client knows at most k classes.

Source  after McMahan et al., AISTATS 2017, and Li et al., ICDE 2022 (NIID-Bench, #C = k), but
        with balanced ownership, so that no class is left without an owner
"""

import numpy as np

from unalike.errors import InputError

from .dealing import Indices, check_sizes, deal_table


def pathological(
    labels: Indices,
    clients: int,
    rng: np.random.Generator,
    *,
    classes_per_client: int = 2,
    min_size: int = 1,
) -> list[Indices]:
    """Each client owns k classes, and each class is cut evenly among its owners.

    Classes are handed out one to every client, then a second one, and so on; each time a client
    takes the class with the fewest owners that it does not own yet, chance deciding among
    equals. A class takes no more owners than it has samples for, `min_size` each, so that no
    client comes out smaller; late clients then own fewer than k.
    Labels [n] -> one index list a client.

    Raises:
        InputError: k is not between 1 and the number of classes, a class would be left out, or
            there are too few samples.
    """
    check_sizes(len(labels), clients, min_size)
    counts = np.bincount(labels)
    classes = np.count_nonzero(counts)
    if not 1 <= classes_per_client <= classes:
        raise InputError(
            f"Classes per client must be between 1 and {classes}, the number of classes, "
            f"not {classes_per_client}."
        )
    if clients * classes_per_client < classes:
        raise InputError(
            f"{clients} clients with {classes_per_client} classes each cannot hold all {classes} "
            "classes: ask for more clients or more classes each."
        )
    owns = _owners(counts, clients, classes_per_client, max(min_size, 1), rng)
    if min_size and not owns.any(axis=1).all():
        raise InputError(
            f"{clients} clients with at most {classes_per_client} classes and at least {min_size} "
            "samples each are too many for these classes: ask for fewer clients."
        )
    for label in np.flatnonzero(counts):
        if not owns[:, label].any():
            raise InputError(
                f"Class {label} has only {counts[label]} samples and would be left out: ask for "
                f"more classes per client, or a smallest size below {min_size}."
            )
    return deal_table(labels, _even_among_owners(counts, owns), rng)


def _owners(
    counts: Indices, clients: int, classes_per_client: int, size: int, rng: np.random.Generator
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Who owns which class: [clients, classes]."""
    owns = np.zeros((clients, len(counts)), np.bool_)
    owners = np.zeros(len(counts))
    for turn in range(classes_per_client):
        places = counts // size if turn == 0 else np.maximum(counts // size, counts > 0)
        for i, chance in enumerate(rng.random(owns.shape)):
            closed = owns[i] | (owners >= places)
            label = np.where(closed, np.inf, owners + chance).argmin()
            if not closed[label]:
                owns[i, label] = True
                owners[label] += 1
    return owns


def _even_among_owners(
    counts: Indices, owns: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
) -> Indices:
    """How many of each class: [clients, classes]; odd samples go to the smallest owners so far."""
    table = np.zeros(owns.shape, np.int64)
    sizes = np.zeros(len(owns), np.int64)
    for label in np.flatnonzero(counts):
        owners = np.flatnonzero(owns[:, label])
        owners = owners[np.argsort(sizes[owners], kind="stable")]
        each, odd = divmod(int(counts[label]), len(owners))
        table[owners, label] = each + (np.arange(len(owners)) < odd)
        sizes[owners] += table[owners, label]
    return table
