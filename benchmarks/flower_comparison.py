"""One method of `end_to_end.py` in Flower's simulation, as its tutorials have it.

A client trains by a hand-written loop, and is judged on its own test samples every second round.
Needs `pip install 'flwr[simulation]'`, which is no part of unalike.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAdam, FedAvg, FedAvgM, FedProx
from flwr.simulation import run_simulation
from torch import Tensor, nn
from torch.nn import functional

LR, BATCH, MU = 0.1, 16, 0.1
STRATEGIES: dict[str, Any] = {
    "fedavg": FedAvg,
    "fedprox": lambda **options: FedProx(proximal_mu=MU, **options),
    "fedavgm": lambda **options: FedAvgM(server_learning_rate=1.0, server_momentum=0.9, **options),
    "fedadam": lambda **options: FedAdam(eta=0.01, tau=1e-3, **options),
}
client = ClientApp()


def network() -> nn.Module:
    """784-64-10."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))


@lru_cache
def parts(path: str) -> dict[str, Tensor]:
    """The samples of all clients, read once in each process."""
    torch.set_num_threads(1)
    with np.load(path) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@client.train()
def train(message: Message, context: Context) -> Message:
    """An epoch of stochastic gradient descent."""
    held = parts(str(message.content["config"]["parts"]))
    k = int(context.node_config["partition-id"])
    x, y = held[f"x{k}"], held[f"y{k}"]
    model = network()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    start = [p.detach().clone() for p in model.parameters()]
    mu = float(message.content["config"].get("proximal-mu", 0.0))
    descent = torch.optim.SGD(model.parameters(), lr=LR)
    for rows in torch.randperm(len(x)).split(BATCH):
        loss = functional.cross_entropy(model(x[rows]), y[rows])
        if mu:
            pairs = zip(model.parameters(), start, strict=True)
            loss = loss + mu / 2 * sum((p - was).square().sum() for p, was in pairs)
        descent.zero_grad()
        loss.backward()
        descent.step()
    content = {
        "arrays": ArrayRecord(model.state_dict()),
        "metrics": MetricRecord({"num-examples": len(x)}),
    }
    return Message(RecordDict(content), reply_to=message)


@client.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Accuracy on the client's own test samples."""
    held = parts(str(message.content["config"]["parts"]))
    k = int(context.node_config["partition-id"])
    model = network()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    with torch.no_grad():
        right = (model(held[f"xt{k}"]).argmax(1) == held[f"yt{k}"]).float().mean().item()
    metrics = MetricRecord({"accuracy": right, "num-examples": len(held[f"yt{k}"])})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)


def simulate(method: str, path: str, rounds: int, clients: int) -> None:
    """Two rounds, a look at all clients, and so on; path: the clients' samples."""
    server = ServerApp()

    @server.main()
    def main(grid: Grid, context: Context) -> None:
        torch.manual_seed(0)
        arrays = ArrayRecord(network().state_dict())
        config = ConfigRecord({"parts": path})
        strategy = STRATEGIES[method](fraction_train=1.0, fraction_evaluate=0.0)
        for _ in range(rounds // 2):
            found = strategy.start(
                grid=grid, initial_arrays=arrays, train_config=config, num_rounds=2
            )
            arrays = found.arrays
            messages = [
                Message(RecordDict({"arrays": arrays, "config": config}), node, "evaluate")
                for node in grid.get_node_ids()
            ]
            answers = list(grid.send_and_receive(messages))
            scores = [float(answer.content["metrics"]["accuracy"]) for answer in answers]
            print(f"{method}: {100 * np.mean(scores):.1f} %", flush=True)

    resources = {"client_resources": {"num_cpus": 1, "num_gpus": 0.0}}
    run_simulation(server, client, num_supernodes=clients, backend_config=resources)
