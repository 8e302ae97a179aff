"""Does CFL find the groups that are there? Rotated MNIST, and MNIST by two kinds of writers.

    python examples/cfl_groups.py rotated [--rounds 60] [--seed 0] [--data-dir FOLDER]
    python examples/cfl_groups.py large-teams --eps1 0.1 --eps2 0.3 --gamma-max 0.585

rotated  20 clients share 10,000 images evenly; ten of them, chosen at random, turn all their
         images by 180 degrees (the rotation of Sattler et al., IEEE TNNLS 2021); batches of 32
writers  60 people with their own digits: 30 employees of the census bureau (NIST series 0) and
         30 high-school students (series 4); batches of 16
teams    20 clients, each of ten such people of one kind, 100 of either in all; batches of 32
         (large-teams: 25 people each, 250 of either; batches of 64)

The 2NN of 199,210 weights, one local epoch, learning rate 0.1 without momentum.

Agreement with the truth is the adjusted Rand index: 1 the same groups, 0 as by chance. Accuracy
is that of the clients' models on their own test images, beside FedAvg's after as many rounds.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.metrics import adjusted_rand_score
from training import personal_accuracy, training

from unalike.data import Federation, federate, load, rotated
from unalike.data.sources.source import TRAIN
from unalike.functional.streams import generator
from unalike.methods import CFL, FedAvg


class Cut(NamedTuple):
    t: int  # the round after which the groups were these
    sizes: list[int]  # of the groups
    agreement: float  # with the true groups


class Found(NamedTuple):
    cuts: list[Cut]
    accuracy: dict[str, float]  # per method, in per cent


def half_rotated(seed: int, data_dir: str | None = None) -> Federation:
    images = load("mnist", data_dir=data_dir).only(np.arange(10_000))
    return rotated(federate(images, split="iid", clients=20, seed=seed), seed=seed)


def two_kinds_of_writers(
    seed: int, data_dir: str | None = None, *, clients: int = 30, people: int = 1
) -> Federation:
    """So many clients of either kind, so many people each."""
    images = load("mnist-writers", data_dir=data_dir)
    if images.client is None or images.group is None:
        raise ValueError("mnist-writers names no writers, or not of which kind they are.")
    client = np.full(len(images.y), -1)
    rng = generator(seed, "study/writers")
    for kind, series in enumerate((0, 4)):
        names = np.unique(images.client[(images.part == TRAIN) & (images.group == series)])
        for i, chosen in enumerate(rng.choice(names, (clients, people), replace=False)):
            client[np.isin(images.client, chosen)] = kind * clients + i
    held = client >= 0
    return federate(images._replace(client=client).only(held), split="natural", seed=seed)


CASES: dict[str, tuple[Callable[..., Federation], int]] = {
    "rotated": (half_rotated, 32),
    "writers": (two_kinds_of_writers, 16),
    "teams": (partial(two_kinds_of_writers, clients=10, people=10), 32),
    "large-teams": (partial(two_kinds_of_writers, clients=10, people=25), 64),
}


def study(
    case: str, *, rounds: int, seed: int, data_dir: str | None = None, **thresholds: Any
) -> Found:
    deal, batch_size = CASES[case]
    federation = deal(seed, data_dir)
    if federation.groups is None:
        raise ValueError(f"The clients of {case} have no true groups to find.")
    cuts: list[Cut] = []
    accuracy = {}
    for name, method in {"fedavg": FedAvg(lr=0.1), "cfl": CFL(lr=0.1, **thresholds)}.items():
        groups = 1
        states = training(
            method, "2nn", federation, times=rounds, batch_size=batch_size, epochs=1, seed=seed
        )
        for t, (engine, server) in enumerate(states, 1):
            if isinstance(method, CFL) and int(server.groups) > groups:
                groups = int(server.groups)
                score = adjusted_rand_score(federation.groups, server.group.numpy())
                cuts.append(Cut(t, torch.bincount(server.group).tolist(), float(score)))
            if t == rounds:
                accuracy[name] = personal_accuracy(engine, server, t)
    return Found(cuts, accuracy)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data-dir")
    parser.add_argument("--eps1", type=float, default=CFL.eps1)
    parser.add_argument("--eps2", type=float, default=CFL.eps2)
    parser.add_argument("--gamma-max", type=float, default=CFL.gamma_max)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = study(**vars(given))
    if not found.cuts:
        print("CFL has not cut any group.")
    for t, sizes, agreement in found.cuts:
        print(f"round {t}: groups of {', '.join(map(str, sizes))}; agreement {agreement:.3f}")
    for name, value in found.accuracy.items():
        print(f"{name:7} accuracy on own test images {value:.2f}")


if __name__ == "__main__":
    main()
