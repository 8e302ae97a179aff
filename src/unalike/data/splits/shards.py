"""The first skew of federated learning: samples sorted by class and cut into shards.

Source  McMahan et al., AISTATS 2017, section 3 (MNIST: 200 shards of 300, two to each of 100)
"""

import numpy as np

from unalike.errors import InputError

from .dealing import Indices, by_owner, check_sizes, even_sizes


def shards(
    labels: Indices,
    clients: int,
    rng: np.random.Generator,
    *,
    shards_per_client: int = 2,
    min_size: int = 1,
) -> list[Indices]:
    """Sort by label, cut into clients * shards_per_client runs, deal these at random.

    Shards are of equal size to within one sample. One that lies on a border holds two classes,
    so a client may know more classes than it has shards. Labels [n] -> one index list a client.

    Raises:
        InputError: a shard or a client would be too small.
    """
    check_sizes(len(labels), clients, min_size)
    pieces = clients * shards_per_client
    if not clients <= pieces <= len(labels):
        raise InputError(
            f"{clients} clients of {shards_per_client} shards cannot be cut from {len(labels)} "
            "samples: every client needs a shard and every shard a sample."
        )
    if len(labels) // pieces * shards_per_client < min_size:
        raise InputError(
            f"{shards_per_client} shards hold only {len(labels) // pieces * shards_per_client} "
            f"samples, but a client needs {min_size}: ask for fewer clients."
        )
    owner = np.empty(len(labels), np.int64)
    shard_owner = rng.permutation(np.repeat(np.arange(clients), shards_per_client))
    owner[np.argsort(labels, kind="stable")] = np.repeat(
        shard_owner, even_sizes(len(labels), pieces)
    )
    return by_owner(owner, clients)
