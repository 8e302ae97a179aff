"""W6: clients of unequal size; padding decides. Run: `python -m benchmarks w6`.

W6: 20 clients, who hold what Dirichlet 0.1 deals them of 48,000 samples of ten classes, 784-64-10,
batch 16, 1 epoch, all clients. W6b: quantity skew, 100 clients of lognormal size (sigma 2) with
20,000 samples together, the same network, 20 clients a round.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unalike.core import Method
from unalike.data.federation import Federation
from unalike.data.splits.dirichlet import dirichlet
from unalike.data.splits.quantity import quantity
from unalike.engines.plan import Plan
from unalike.methods import Ditto, FedAvg, FedRep, Scaffold

from . import plain, plain_personal
from .measure import Row, show, unalike
from .worlds import mlp, unequal_federation

WIDTHS = (784, 64, 10)
WORK = {"cohort": 20, "batch_size": 16, "epochs": 1}
LR = 0.1
HEAD_EPOCHS = 2


def label_skew() -> Federation:
    """W6's clients."""
    labels = np.arange(48_000) % 10
    return _with_sizes_of(dirichlet(labels, 20, np.random.default_rng(0), alpha=0.1))


def quantity_skew() -> Federation:
    """W6b's clients."""
    labels = np.arange(20_000) % 10
    return _with_sizes_of(quantity(labels, 100, np.random.default_rng(0), sigma=2.0))


def _with_sizes_of(parts: list[NDArray[np.int64]]) -> Federation:
    return unequal_federation(np.asarray([len(part) for part in parts]), 784)


def rows(clients: Federation | None = None) -> list[Row]:
    """The ways to do FedAvg."""
    held = clients or label_skew()
    loop = Row(
        "plain loop",
        lambda: plain.rounds(mlp(*WIDTHS), held, update=plain.fedavg(LR), **WORK),
    )
    plans = [Plan("single", 1, 1), *(Plan("stacked", chunk, 1) for chunk in (20, 10, 5))]
    return [loop, *(_ours(FedAvg(lr=LR), held, plan) for plan in (*plans, Plan("stacked", 10, 2)))]


def method_rows(name: str) -> list[Row]:
    """Another method on W6's clients, all of them in one stack."""
    held = label_skew()
    ways = {
        "Ditto": (Ditto(lr=LR), plain_personal.ditto(LR)),
        "FedRep": (FedRep(lr=LR, head_epochs=HEAD_EPOCHS), plain_personal.fedrep(LR, HEAD_EPOCHS)),
        "SCAFFOLD": (Scaffold(lr=LR), plain_personal.scaffold(LR)),
    }
    method, update = ways[name]
    loop = Row(
        "plain loop",
        lambda: plain_personal.rounds(mlp(*WIDTHS), held, update, batch_size=WORK["batch_size"]),
    )
    return [loop, _ours(method, held, Plan("stacked", 20, 1))]


def _ours(method: Method, held: Federation, plan: Plan) -> Row:
    return Row(
        f"unalike, {plan}",
        lambda: unalike(method, mlp(*WIDTHS), held, plan=plan, **WORK),
        warm=3,
    )


def main() -> None:
    """Print the tables."""
    print("W6, FedAvg")
    show("w6_unequal", rows(), repeats=5)
    for name in ("Ditto", "FedRep", "SCAFFOLD"):
        print(f"\nW6, {name}")
        show("w6_unequal", method_rows(name), repeats=3, peaks=False)
    print("\nW6b, FedAvg")
    show("w6_unequal", rows(quantity_skew()), repeats=9, peaks=False)
