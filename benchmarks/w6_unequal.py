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

from . import plain
from .measure import Row, show, unalike
from .worlds import mlp, unequal_federation

WIDTHS = (784, 64, 10)
WORK = {"cohort": 20, "batch_size": 16, "epochs": 1}


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
    """The ways to do W6 with FedAvg."""
    held = clients or label_skew()

    def ours(plan: Plan) -> Row:
        return Row(
            f"unalike, {plan}",
            lambda: unalike(FedAvg(lr=0.1), mlp(*WIDTHS), held, plan=plan, **WORK),
            warm=5,
        )

    return [
        Row(
            "plain loop",
            lambda: plain.rounds(mlp(*WIDTHS), held, update=plain.fedavg(0.1), **WORK),
        ),
        ours(Plan("single", 1, 1)),
        ours(Plan("stacked", 20, 1)),
        ours(Plan("stacked", 10, 1)),
        ours(Plan("stacked", 5, 1)),
        ours(Plan("stacked", 10, 2)),
    ]
