"""NIID-Bench's FCUBE: feature skew that any linear model sees through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unalike.core import Problem
from unalike.core.local_work import LocalWork
from unalike.data import federate, load
from unalike.models import build

from ..table import Claim, PublishedTable, Settings, runs_of
from ..training import global_accuracy, method_of, training

METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "FedAvg": ("fedavg", {"lr": 0.01, "solver": "momentum:0.9"}),
    "FedProx": ("fedprox", {"lr": 0.01, "solver": "momentum:0.9", "mu": 0.01}),
    "SCAFFOLD": ("scaffold", {"lr": 0.1}),
}
SPLITS = {"two octants each": "natural", "all octants": "iid"}

ROWS: dict[str, Settings] = {
    f"{title}, {dealt}": {"method": method, "hyperparameters": hyperparameters, "split": split}
    for dealt, split in SPLITS.items()
    for title, (method, hyperparameters) in METHODS.items()
}


def measure(settings: Settings, seed: int, data_dir: str | None) -> Mapping[str, float]:
    """Accuracy on the whole cube after the first and after the last round."""
    clients = federate(
        load("fcube"),
        split=settings["split"],
        clients=4,
        seed=seed,
        official_test=True,
        validation=0,
        test=0,
    )
    states = list(
        training(
            method_of(settings),
            Problem(build("logistic", shape=(3,), classes=2, seed=seed)),
            clients,
            times=settings["rounds"],
            seed=seed,
            batch_size=64,
            work=LocalWork(settings["local_epochs"]),
        )
    )
    first, last = (100 * global_accuracy(state) for state in (states[0], states[-1]))
    return {"first round": first, "last round": last}


def _rows(dealt: str) -> tuple[str, ...]:
    return tuple(row for row in ROWS if row.endswith(dealt))


TABLE = PublishedTable(
    name="fcube",
    title="FCUBE, points of a cube at four parties",
    source="Li, Diao, Chen and He, NIID-Bench, ICDE 2022 (arXiv:2102.02079), settings of its "
    "public code at commit 61b901a.",
    protocol="Four parties of 1,000 points, two opposite octants each; softmax regression; 50 "
    "rounds of 10 local epochs, batches of 64; FedAvg and FedProx (mu = 0.01) at 0.01 with "
    "momentum 0.9; seeds 0, 1, 2. Accuracy in per cent on 1,000 points of the whole cube. Beside "
    "it the same points with all octants at every party.",
    columns={
        "first round": "accuracy in per cent after round 1",
        "last round": "accuracy in per cent after round 50",
    },
    runs=runs_of(ROWS, range(3), rounds=50, local_epochs=10),
    measure=measure,
    cpu_minutes=2,
    claims=(
        Claim(
            "All three methods solve it: 99.9 per cent or more after 50 rounds, on both splits.",
            lambda found: all(found.mean(row, "last round") >= 99.9 for row in ROWS),
            tuple(ROWS),
        ),
        Claim(
            "After one round two octants each cost more than a point, for every method.",
            lambda found: all(
                found.mean(skewed, "first round") < found.mean(alike, "first round") - 1
                for skewed, alike in zip(
                    _rows("two octants each"), _rows("all octants"), strict=True
                )
            ),
            tuple(ROWS),
        ),
    ),
    differs=(
        "SCAFFOLD takes plain SGD here and then 0.1 = 0.01 / (1 - 0.9).",
        "No weight decay (0.00001 there); momentum ends with the round.",
    ),
    left_out="The accuracies of the paper's table, which were not at hand.",
)
