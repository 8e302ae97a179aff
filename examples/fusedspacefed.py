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
from typing import Any

import numpy as np
import torch

from unalike.ledger.tables.fusedspacefed import away_accuracies, deal, home_accuracy, looks

MOMENTUM = {"lr": 0.1, "solver": "momentum:0.9"}
METHODS: dict[str, dict[str, Any]] = {
    "fedavg": {"method": "fedavg", "hyperparameters": MOMENTUM},
    "fusedspacefed code": {
        "model": "fused:preset=code",
        "method": "fusedspacefed",
        "hyperparameters": {"preset": "code", "solver": "momentum:0.9"},
    },
    "fusedspacefed paper": {
        "model": "fused:preset=paper",
        "method": "fusedspacefed",
        "hyperparameters": {"preset": "paper", "solver": "momentum:0.9"},
    },
    "fedprox": {"method": "fedprox", "hyperparameters": {**MOMENTUM, "mu": 0.01}},
    "scaffold": {"method": "scaffold", "hyperparameters": {"lr": 0.1}},
    "fedper": {"method": "fedper", "hyperparameters": MOMENTUM},
    "lg_fedavg": {"method": "lg_fedavg", "hyperparameters": MOMENTUM},
    "fedrep": {"method": "fedrep", "hyperparameters": {**MOMENTUM, "head_epochs": 3}},
}
NETWORK = "resnet20"


def settings(name: str, given: argparse.Namespace) -> dict[str, Any]:
    model = METHODS[name].get("model", NETWORK)
    return {
        **METHODS[name],
        "model": f"{model}{',' if ':' in model else ':'}norm={given.norm}",
        "rounds": given.rounds,
        "local_epochs": given.epochs,
        "batch_size": 256,
        "evaluate_every": given.every,
    }


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
    federation = deal(given.data, given.seed, None)
    print(f"{given.data}: training samples {federation.train.sizes.tolist()}")
    print("| method | last round | best by validation (round) | at home, last round | CPU s |")
    print("|---|---|---|---|---|", flush=True)
    for name in given.methods:
        began = time.process_time()
        seen = []
        for state in looks(settings(name, given), federation, given.seed):
            seen.append((state.t, home_accuracy(state), away_accuracies(state)))
            print(f"{name}, round {state.t}: {spread(seen[-1][2])}", file=sys.stderr)
        t, _, best = max(seen, key=lambda look: look[1])
        _, home, away = seen[-1]
        print(
            f"| {name} | {spread(away)} | {spread(best)} ({t}) "
            f"| {home:.1f} | {time.process_time() - began:.0f} |",
            flush=True,
        )


def spread(accuracies: list[float]) -> str:
    """The mean; the lowest and the highest where there are several."""
    mean = f"{np.mean(accuracies):.2f}"
    if len(accuracies) == 1:
        return mean
    return f"{mean} [{min(accuracies):.2f}, {max(accuracies):.2f}]"


if __name__ == "__main__":
    main()
