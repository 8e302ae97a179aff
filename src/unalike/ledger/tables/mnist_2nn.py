"""FedAvg's rounds to 97 per cent on MNIST with the 2NN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from unalike.core import Problem
from unalike.core.local_work import LocalWork
from unalike.data import federate, load
from unalike.models import build

from ..table import Best, Cell, Claim, PublishedTable, Settings, runs_of
from ..training import global_accuracy, method_of, training

STEP_SIZES = (0.0215, 0.0464, 0.1, 0.215, 0.464)
"""A grid of resolution 10^(1/3)."""
SPLITS: dict[str, dict[str, Any]] = {
    "IID": {"split": "iid", "rounds": 300},
    "two shards": {"split": "shards", "rounds": 1500},
}


def _name(split: str, lr: float) -> str:
    return f"{split}, step {lr:g}"


ROWS: dict[str, Settings] = {
    _name(title, lr): {"method": "fedavg", "hyperparameters": {"lr": lr}, **settings}
    for title, settings in SPLITS.items()
    for lr in STEP_SIZES
}


def rounds_to(target: float, curve: Iterable[float]) -> float | None:
    """When the best accuracy so far first reaches the target, between rounds on a line.

    Stops reading the curve there; None where it never does.
    """
    best = 0.0
    for t, accuracy in enumerate(curve, 1):
        if accuracy >= target:
            return t - 1 + (target - best) / (accuracy - best)
        best = max(best, accuracy)
    return None


def measure(settings: Settings, seed: int, data_dir: str | None) -> Mapping[str, float]:
    """Rounds to the target; nothing where it is not reached."""
    options = {"shards_per_client": 2} if settings["split"] == "shards" else {}
    clients = federate(
        load("mnist", data_dir=data_dir),
        split=settings["split"],
        clients=settings["clients"],
        seed=seed,
        official_test=True,
        validation=0,
        test=0,
        **options,
    )
    states = training(
        method_of(settings),
        Problem(build("2nn", shape=tuple(clients.x.shape[1:]), classes=10, seed=seed)),
        clients,
        times=settings["rounds"],
        seed=seed,
        batch_size=settings["batch_size"],
        work=LocalWork(settings["local_epochs"]),
        cohort=settings["cohort"],
    )
    accuracies: list[float] = []

    def curve() -> Iterable[float]:
        for state in states:
            accuracies.append(100 * global_accuracy(state))
            yield accuracies[-1]

    reached = rounds_to(settings["target"], curve())
    found = {"best accuracy": max(accuracies)}
    return found if reached is None else {"rounds": reached, **found}


def _steps(split: str) -> tuple[str, ...]:
    return tuple(_name(split, lr) for lr in STEP_SIZES)


TABLE = PublishedTable(
    name="mnist-2nn",
    title="FedAvg, rounds to 97 per cent on MNIST with the 2NN",
    source="McMahan et al., AISTATS 2017 (arXiv:1602.05629), Table 1, the rows C = 0.1 and "
    "B = 10, as several public re-implementations copy them; the paper itself was not at hand.",
    protocol="100 clients of 600 images, dealt evenly or two shards of 300 of the images sorted by "
    "digit; the 2NN of 199,210 weights; 10 clients a round (C = 0.1), one local epoch (E = 1), "
    "batches of 10 (B = 10). Rounds until the best test accuracy so far reaches 97 per cent, on a "
    "line between rounds; the best of a sweep of step sizes, as there.",
    columns={
        "rounds": "until 97 per cent of the official test images are right",
        "best accuracy": "in per cent, up to there",
    },
    runs=runs_of(ROWS, (0,), clients=100, cohort=10, local_epochs=1, batch_size=10, target=97.0),
    measure=measure,
    cpu_minutes=30,
    best=tuple(Best(split, _steps(split), "rounds") for split in SPLITS),
    cells=(
        Cell("IID", "rounds", 87, tolerance=0.25 * 87),
        Cell("two shards", "rounds", 664, tolerance=0.25 * 664),
    ),
    claims=(
        Claim(
            "Two shards a client take several times as many rounds as an even deal.",
            lambda found: found.mean("two shards", "rounds") > 3 * found.mean("IID", "rounds"),
            tuple(SPLITS),
        ),
    ),
    differs=(
        "Five step sizes; the paper's grid is finer and was not at hand.",
        "No spread is published: a quarter of the number is the tolerance.",
        "Rounds end at 300 (IID) and 1,500 (two shards) where the target is not reached.",
    ),
    reasons={
        ("IID", "rounds"): "at the best of these steps a hand-written loop takes 34 to 38 rounds "
        "from three initialisations as well, at 0.0464 76 to 103: the published number is that of "
        "a smaller step, or of a set-up that is not told (benchmarks/ledger_loops.py)",
        ("two shards", "rounds"): "at the best of these steps a hand-written loop takes 186 to 190 "
        "rounds as well, at 0.0464 431 to 570 (benchmarks/ledger_loops.py)",
    },
    data=("mnist",),
    digits=0,
)
