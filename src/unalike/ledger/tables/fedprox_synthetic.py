"""FedProx's synthetic federation with devices that do only a part of their work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unalike.core import Problem
from unalike.core.local_work import LocalWork
from unalike.data import federate, load
from unalike.models import build

from ..table import Claim, Measured, PublishedTable, Settings, runs_of
from ..training import global_accuracy, method_of, model_of, training

SHARES = (0.0, 0.5, 0.9)
MEASURED_EVERY = 5


def _name(title: str, share: float) -> str:
    return f"{title}, {share:.0%} slow"


def _rows() -> dict[str, Settings]:
    rows: dict[str, Any] = {}
    for share in SHARES:
        rows[_name("FedAvg", share)] = {
            "method": "fedavg",
            "hyperparameters": {"lr": 0.01},
            "dropped": share,
            "slow": 0.0,
        }
        for mu in (0, 1) if share else (1,):
            rows[_name(f"FedProx, mu = {mu}", share)] = {
                "method": "fedprox",
                "hyperparameters": {"lr": 0.01, "mu": float(mu)},
                "dropped": 0.0,
                "slow": share,
            }
    return rows


ROWS = _rows()


def measure(settings: Settings, seed: int, data_dir: str | None) -> Mapping[str, float]:
    """The training loss of the last fifth of the rounds, its swings, and the test accuracy."""
    clients = federate(load("synthetic-1-1"), split="natural", seed=seed, validation=0, test=0.1)
    problem = Problem(build("logistic", shape=(60,), classes=10, seed=seed))
    x, y = clients.x[clients.train.values], clients.y[clients.train.values]

    def loss(w: Tensor) -> float:
        return float(torch.nn.functional.cross_entropy(problem.logits(w, x), y))

    losses = []
    for state in training(
        method_of(settings),
        problem,
        clients,
        times=settings["rounds"],
        seed=seed,
        batch_size=settings["batch_size"],
        work=LocalWork(settings["local_epochs"], slow=settings["slow"]),
        cohort=settings["cohort"],
        dropout=settings["dropped"],
    ):
        if state.t % MEASURED_EVERY == 0 or state.t == settings["rounds"]:
            losses.append(loss(model_of(state)))
    late = np.asarray(losses[-max(1, len(losses) // 5) :])
    swings = np.abs(np.diff(losses[len(losses) // 2 :]))
    return {
        "training loss": float(late.mean()),
        "swing": float(swings.mean()) if len(swings) else 0.0,
        "accuracy": 100 * global_accuracy(state),
    }


def _lower(found: Measured, column: str, row: str, other: str) -> bool:
    return found.mean(row, column) < found.mean(other, column)


TABLE = PublishedTable(
    name="fedprox-synthetic",
    title="FedProx on synthetic(1, 1) with slow devices",
    source="Li et al., MLSys 2020 (arXiv:1812.06127), Figure 1, and the authors' scripts "
    "(litian96/FedProx, commit d2a4501): curves, no numbers.",
    protocol="30 devices, 10 a round, 20 local epochs, batches of 10, step 0.01, 200 rounds, "
    "softmax regression; 0, 50 or 90 per cent of the devices of a round are slow and do 1 to 20 "
    "epochs, drawn anew each round. FedAvg drops them, FedProx uses what they did, with mu 0 or 1.",
    columns={
        "training loss": "over all devices, mean over the last fifth of the rounds",
        "swing": f"mean change of that loss within {MEASURED_EVERY} rounds, second half",
        "accuracy": "of the one model on all test samples in per cent, at the end",
    },
    runs=runs_of(ROWS, (0,), rounds=200, local_epochs=20, batch_size=10, cohort=10),
    measure=measure,
    cpu_minutes=120,
    claims=(
        Claim(
            "With 90 per cent slow devices, using their part of the work (mu = 0) gives a lower "
            "training loss than dropping them.",
            lambda found: _lower(
                found, "training loss", _name("FedProx, mu = 0", 0.9), _name("FedAvg", 0.9)
            ),
            (_name("FedProx, mu = 0", 0.9), _name("FedAvg", 0.9)),
        ),
        Claim(
            "With mu = 1 the loss swings less than FedAvg's, for 0, 50 and 90 per cent slow "
            "devices.",
            lambda found: all(
                _lower(found, "swing", _name("FedProx, mu = 1", share), _name("FedAvg", share))
                for share in SHARES
            ),
            tuple(
                _name(title, share) for title in ("FedAvg", "FedProx, mu = 1") for share in SHARES
            ),
        ),
        Claim(
            "With 90 per cent slow devices mu = 1 is more accurate than FedAvg that drops them.",
            lambda found: _lower(
                found, "accuracy", _name("FedAvg", 0.9), _name("FedProx, mu = 1", 0.9)
            ),
            (_name("FedProx, mu = 1", 0.9), _name("FedAvg", 0.9)),
        ),
    ),
    differs=(
        "Every device is slow by chance; there an exact share of the round's devices is. A round "
        "in which all are dropped leaves the model as it is.",
        "Devices are drawn uniformly and weighted by size, as in the scripts; samples are our "
        "draws of the published generator.",
        "What 'more stable' means is ours: the swing of the training loss.",
    ),
    digits=3,
)
