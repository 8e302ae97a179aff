"""Comparisons made by hand, for the verdict, the table and the page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from unalike.results.comparison import Comparison
from unalike.tasks import Task
from unalike.tasks.classes import Classes

TITLES = {
    "local": "Local",
    "centralised": "Centralised",
    "fedavg": "FedAvg",
    "finetuning": "FedAvg + fine-tuning",
    "fedprox": "FedProx",
    "scaffold": "SCAFFOLD",
    "per_fedavg": "Per-FedAvg",
    "pfedme": "pFedMe",
    "mefl": "MEFL",
    "uga": "UGA",
}

Row = tuple[str, int, str, str, float]


def comparison(
    accuracy: Mapping[str, Sequence[float]],
    *,
    clients: int = 10,
    new: int = 2,
    classes: int = 5,
    rounds: int = 6,
    diverged: Mapping[tuple[str, int], int] | None = None,
    names: Sequence[str] | None = None,
    remarks: Sequence[str] = (),
    task: Task = Classes.of(5),  # noqa: B008
    **settings: Any,
) -> Comparison:
    """Methods with these mean personalised accuracies, one per seed.

    Client k of n is (k - (n - 1) / 2) / n * 0.2 above its method's mean, so that every statistic
    is known; the last round is 0.01 below the best.
    """
    diverged = diverged or {}
    names = tuple(names or [str(k) for k in range(clients)])
    newcomers = np.arange(clients) >= clients - new
    training = [name for name, late in zip(names, newcomers, strict=True) if not late]
    late = [name for name, new in zip(names, newcomers, strict=True) if new]
    rows: list[Row] = []
    curves: list[tuple[str, int, int, str, float]] = []
    local = accuracy.get("local")
    shared = accuracy.get("fedavg")
    for k, (method, means) in enumerate(accuracy.items()):
        for seed, mean in enumerate(means):
            everyone: dict[str, float] = {}
            for when, lag in (("best", 0.0), ("last", 0.01)):
                own = mean - lag + offsets(len(training))
                everyone |= _scores("personalised", own, when)
                rows += _each(method, seed, f"personalised_accuracy_{when}", training, own)
                if late:
                    fresh = mean - 0.05 - lag + offsets(len(late))
                    everyone |= _scores("new", fresh, when)
                    rows += _each(method, seed, f"new_accuracy_{when}", late, fresh)
                if method != "local":
                    everyone[f"global_accuracy_{when}"] = mean - 0.1 - lag
                if local is not None:
                    alone = local[seed] - lag - offsets(len(training))
                    gain = own - alone if method != "local" else 0 * own
                    everyone[f"harmed_share_{when}"] = float((gain < 0).mean())
                    everyone[f"gain_over_local_mean_{when}"] = float(gain.mean())
                    rows += _each(method, seed, f"gain_over_local_{when}", training, gain)
                    if shared is not None:
                        qoi = gain - 0.01
                        everyone[f"qoi_mean_{when}"] = float(qoi.mean())
                        rows += _each(method, seed, f"qoi_{when}", training, qoi)
            sent = 0.0 if method == "local" else 1e6 * rounds * (1 + k % 2)
            everyone |= {
                "best_round": rounds - 1,
                "rounds": rounds,
                "bytes_down": sent,
                "bytes_up": sent,
                "gradient_evaluations": 12_000.0 * (1 + k),
                "train_seconds": 3.5 + k,
                "peak_memory_bytes": 5e7,
                "rejected_uploads": 0,
                "dropped_answers": 0,
            }
            if (method, seed) in diverged:
                everyone["diverged_round"] = diverged[method, seed]
            rows += [(method, seed, "all", name, float(v)) for name, v in everyone.items()]
            curves += _curve(method, seed, mean, rounds, sent, local=method == "local")
    generator = np.random.default_rng(3)
    return Comparison(
        settings={
            "data": "digits",
            "split": "dirichlet",
            "alpha": 0.1,
            "clients": clients,
            "new_clients": new / clients,
            "rounds": rounds,
            "cohort": 1.0,
            "local_epochs": 1,
            "batch_size": 16,
            "seeds": max(map(len, accuracy.values()), default=0),
            "run": list(accuracy),
            "methods": {"fedprox": {"mu": 0.1}},
            **settings,
        },
        frame=pd.DataFrame(rows, columns=["method", "seed", "client", "metric", "value"]),
        curves=pd.DataFrame(curves, columns=["method", "seed", "round", "metric", "value"]),
        names=names,
        newcomers=newcomers,
        task=task,
        label_counts=generator.multinomial(
            90, generator.dirichlet(np.full(classes, 0.2), size=clients)
        ),
        titles={method: TITLES.get(method, method) for method in accuracy},
        environment={"unalike": "0.1.0", "python": "3.11", "command": "unalike compare"},
        remarks=list(remarks),
    )


def offsets(clients: int) -> np.ndarray:
    """What each client lies above the mean of all: [clients], sums to zero."""
    return (np.arange(clients) - (clients - 1) / 2) / clients * 0.2


def _scores(family: str, values: np.ndarray, when: str) -> dict[str, float]:
    worst = np.sort(values)[: max(1, len(values) // 10)]
    return {
        f"{family}_accuracy_mean_{when}": float(values.mean()),
        f"{family}_accuracy_weighted_{when}": float(values.mean()),
        f"{family}_balanced_accuracy_mean_{when}": float(values.mean()) - 0.02,
        f"{family}_macro_f1_mean_{when}": float(values.mean()) - 0.03,
        f"{family}_accuracy_std_{when}": float(values.std()),
        f"{family}_accuracy_worst10_{when}": float(worst.mean()),
    }


def _each(
    method: str, seed: int, metric: str, names: Sequence[str], values: np.ndarray
) -> list[Row]:
    return [(method, seed, n, metric, float(v)) for n, v in zip(names, values, strict=True)]


def _curve(
    method: str, seed: int, mean: float, rounds: int, sent: float, *, local: bool
) -> list[tuple[str, int, int, str, float]]:
    found = []
    for t in range(1, rounds + 1):
        now = mean - 0.4 * np.exp(-3 * t / rounds) + 0.01 * np.sin(7 * t + seed)
        values = {
            "personalised_accuracy_mean": now,
            "validation_accuracy": now - 0.02,
            "new_accuracy_mean": now - 0.05,
            "train_seconds": 0.1 * t,
            "bytes_total": 2 * sent * t / rounds,
        }
        if not local:
            values |= {
                "global_accuracy": now - 0.1,
                "client_drift": 2.0 * mean / t + 0.02 * seed,
                "gradient_dissimilarity": mean**2 / t + 0.02 * seed,
                "cancellation": 0.4 * mean + 0.3 * t / rounds,
            }
        found += [(method, seed, t, name, float(value)) for name, value in values.items()]
    return found
