"""FusedSpaceFed on small medical images that ten clients hold by classes, beside FedAvg.

    python examples/fusedspacefed.py breastmnist [--norm batch] [--rounds 50] [--seed 0]

The setting of the public scripts (github.com/CuriosAI/FusedSpaceFed): ten clients, all of them in
every round, a mix of classes for each from Dirichlet(0.05) and sizes as equal as can be
(`dirichlet-mix`), 50 rounds of 3 local epochs in batches of 256, learning rate 0.1 with momentum
0.9, ResNet-20. With `--norm batch` it normalises batches and its running statistics are averaged
with its weights, as there; by default it has GroupNorm. Images stay at 28 x 28, momentum ends with
the round, all methods begin with the same weights, there is no weight decay, and SCAFFOLD takes
plain SGD at 0.1.

Every client's model is judged on the official test images, and the mean over all clients is told
with the lowest and the highest: of the last round, and of the round that is best on the clients'
validation samples, a tenth of what they hold. The scripts tell the round that is best on the test
images; each round that is looked at is told on standard error. FusedSpaceFed keeps a part of the
model at the client, so methods that personalise run beside it; the accuracy on the clients' own
validation samples after the last round shows what that is good for at home.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from training import training

from unalike.core import Method
from unalike.data import Federation, federate, load
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.functional.trees import map_tree
from unalike.methods import FedAvg, FedPer, FedProx, FedRep, FusedSpaceFed, LGFedAvg, Scaffold

METHODS: dict[str, tuple[str, Callable[[], Method]]] = {
    "fedavg": ("resnet20:norm={norm}", lambda: FedAvg(lr=0.1, solver="momentum:0.9")),
    "fusedspacefed code": (
        "fused:preset=code,norm={norm}",
        lambda: FusedSpaceFed(preset="code", solver="momentum:0.9"),
    ),
    "fusedspacefed paper": (
        "fused:preset=paper,norm={norm}",
        lambda: FusedSpaceFed(preset="paper", solver="momentum:0.9"),
    ),
    "fedprox": ("resnet20:norm={norm}", lambda: FedProx(lr=0.1, solver="momentum:0.9", mu=0.01)),
    "scaffold": ("resnet20:norm={norm}", lambda: Scaffold(lr=0.1)),
    "fedper": ("resnet20:norm={norm}", lambda: FedPer(lr=0.1, solver="momentum:0.9")),
    "lg_fedavg": ("resnet20:norm={norm}", lambda: LGFedAvg(lr=0.1, solver="momentum:0.9")),
    "fedrep": (
        "resnet20:norm={norm}",
        lambda: FedRep(lr=0.1, solver="momentum:0.9", head_epochs=3),
    ),
}


class Score(NamedTuple):
    """After a round: shares of samples, the first two over all clients together."""

    t: int
    validation: float  # each client's model on its own validation samples
    test: np.ndarray  # [N] each client's model on all test images


def clients(data: str, seed: int) -> Federation:
    return federate(
        load(data),
        split="dirichlet-mix",
        alpha=0.05,
        clients=10,
        seed=seed,
        official_test=True,
        validation=0.1,
        test=0,
    )


def scores(
    name: str, federation: Federation, *, norm: str, rounds: int, epochs: int, seed: int, every: int
) -> Iterator[Score]:
    model, method = METHODS[name]
    states = training(
        method(),
        model.format(norm=norm),
        federation,
        times=rounds,
        batch_size=256,
        epochs=epochs,
        seed=seed,
        plan=Plan("single", 1, 1),
        buffers="share",
    )
    for t, (engine, server) in enumerate(states, 1):
        if t % every == 0 or t == rounds:
            yield judged(engine, server, t)


def judged(engine: LocalEngine, server: object, t: int) -> Score:
    personal = engine.personalise(t, server)
    own = engine.predict(personal, engine.rows, "validation")
    of_all = []
    for i in range(len(engine) if engine.method.global_model(server) is None else 1):
        found = engine.predict_pooled(map_tree(lambda leaf, i=i: leaf[i], personal), "test")
        of_all.append((found.output.argmax(-1) == found.truth).double().mean().item())
    return Score(t, (own.output.argmax(-1) == own.truth).double().mean().item(), np.asarray(of_all))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--norm", choices=["group", "batch"], default="group")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    federation = clients(given.data, given.seed)
    print(f"{given.data}: training samples {federation.train.sizes.tolist()}")
    print("| method | last round | best by validation (round) | at home, last round | CPU s |")
    print("|---|---|---|---|---|", flush=True)
    for name in given.methods:
        began = time.process_time()
        seen = []
        for score in scores(
            name,
            federation,
            norm=given.norm,
            rounds=given.rounds,
            epochs=given.epochs,
            seed=given.seed,
            every=given.every,
        ):
            seen.append(score)
            print(f"{name}, round {score.t}: {spread(score.test)}", file=sys.stderr)
        best = max(seen, key=lambda score: score.validation)
        print(
            f"| {name} | {spread(seen[-1].test)} | {spread(best.test)} ({best.t}) "
            f"| {100 * seen[-1].validation:.1f} | {time.process_time() - began:.0f} |",
            flush=True,
        )


def spread(shares: np.ndarray) -> str:
    """The mean in per cent; the lowest and the highest where there are several."""
    mean, low, high = (100 * of(shares) for of in (np.mean, np.min, np.max))
    return f"{mean:.2f}" if len(shares) == 1 else f"{mean:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    main()
