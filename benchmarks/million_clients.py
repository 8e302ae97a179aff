"""A comparison among up to a million clients. Run: `python -m benchmarks million_clients`.

FedAvg and FedPer, whose private part is 65 numbers, 2 to 10 samples a client, 100 clients a round,
50 rounds, three looks. `compare` adds Local, since harm is measured against it.
"""

import sys
import time
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import unalike
from unalike.data.federation import Federation

from .measure import peak, printed

CLIENTS = (10_000, 100_000, 1_000_000)
FEATURES, HIDDEN = 10, 64
ROUNDS, LOOKS, COHORT = 50, 3, 100


def federation(clients: int) -> Federation:
    """Clients of 4 to 10 samples, whose answers hang on a direction of their own."""
    rng = np.random.default_rng(0)
    owner: NDArray[np.int64] = np.repeat(np.arange(clients), rng.integers(4, 11, clients))
    x = rng.standard_normal((len(owner), FEATURES), dtype=np.float32)
    own = rng.standard_normal((clients, FEATURES), dtype=np.float32)
    score = np.einsum("nf,nf->n", x, 1 + own[owner])
    return Federation.from_arrays(x, (score > 0).astype(np.int64), client=owner)


def one(clients: int) -> None:
    """Print the row of this many clients: to be run in a process of its own."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    began = time.process_time()
    data = federation(clients)
    dealt, held = time.process_time(), peak()
    model = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
    unalike.compare(
        data,
        model=model,
        methods="fedavg,fedper",
        rounds=ROUNDS,
        evaluate_every=-(-ROUNDS // LOOKS),
        cohort=COHORT,
        seeds=1,
    )
    taken = time.process_time() - dealt
    print(f"| {clients:,} | {dealt - began:.1f} | {held:.0f} | {taken:.1f} | {peak():.0f} |")


def main() -> None:
    """Print the table."""
    print("| clients | CPU s, data | peak MB, data | CPU s, comparison | peak MB |")
    print("|---|---|---|---|---|")
    for clients in CLIENTS:
        print(printed("million_clients", str(clients)), end="", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one(int(sys.argv[1]))
    else:
        main()
