"""Local, FedAvg and FedEM on FedEM's synthetic mixture: mean and bottom decile of accuracy.

    python examples/fedem_mixture.py [--rounds 200] [--tests 500] [--seed 0]

Every client is judged on test samples of its own. Both means are printed, of the clients and
weighted by their training sizes; the bottom decile is the accuracy of the client at one tenth of
all clients in ascending order.
"""

import argparse
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from unalike.core import Method, Problem
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.data.sources.source import TEST
from unalike.data.sources.synthetic_mixture import synthetic_mixture
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.methods import FedAvg, FedEM, Local
from unalike.rounds import rounds
from unalike.tasks.classes import Classes


class Logistic(nn.Module):
    """Binary logistic regression with the logits (0, z)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, 1)

    def forward(self, x: Tensor) -> Tensor:
        z = self.score(x)
        return torch.cat([torch.zeros_like(z), z], -1)


def federation(tests: int) -> Federation:
    """The 300 clients, all of their own samples for training and `tests` more for testing."""
    arrays = synthetic_mixture(tests)
    testing = arrays.part == TEST
    if arrays.client is None:
        raise ValueError("synthetic-mixture does not say whose its samples are.")
    sizes = np.bincount(arrays.client[~testing])
    many, none = len(sizes), np.zeros(len(sizes), np.int64)
    return Federation(
        x=torch.from_numpy(arrays.x[~testing]),
        y=torch.from_numpy(arrays.y[~testing]),
        x_test=torch.from_numpy(arrays.x[testing]),
        y_test=torch.from_numpy(arrays.y[testing]),
        train=Ragged.of(np.arange(sizes.sum()), sizes),
        validation=Ragged.of(none[:0], none),
        test=Ragged.of(np.arange(many * tests), np.full(many, tests)),
        names=tuple(f"client {i}" for i in range(many)),
        newcomers=np.zeros(many, np.bool_),
        pooled_test=np.arange(many * tests),
        task=Classes.of(2),
    )


def accuracies(
    method: Method, clients: Federation, *, times: int, seed: int, batch_size: int = 128
) -> np.ndarray:
    """Accuracy of each client's own model on its own test samples [N], after training."""
    engine = LocalEngine(
        method,
        Problem(Logistic(clients.x.shape[1])),
        clients,
        seed=seed,
        batch_size=batch_size,
        epochs=1,
        plan=Plan("stacked", chunk=100, threads=1),
    )
    server = method.init_server(engine.problem, engine.w, engine.population)
    for done in islice(rounds(method, engine, server, cohort=len(engine), seed=seed), times):
        server = done.server
    found = engine.predict(engine.personalise(times, server), engine.rows, "test")
    right = (found.output.argmax(-1) == found.truth).numpy()
    return right.reshape(len(engine), -1).mean(1)


def bottom_decile(each: np.ndarray) -> float:
    """The accuracy of the client at floor(N / 10) in ascending order."""
    return float(np.sort(each)[len(each) // 10])


def methods() -> dict[str, Method]:
    return {"local": Local(lr=0.1), "fedavg": FedAvg(lr=0.1), "fedem": FedEM(lr=0.3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--tests", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    clients = federation(given.tests)
    for name, method in methods().items():
        each = accuracies(method, clients, times=given.rounds, seed=given.seed)
        by_size = np.average(each, weights=clients.train.sizes)
        print(
            f"{name:8} mean {100 * each.mean():.1f} bottom decile {100 * bottom_decile(each):.1f} "
            f"mean by size {100 * by_size:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
