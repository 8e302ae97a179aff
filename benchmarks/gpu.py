"""Rounds on a CUDA device beside a hand-written loop there: `python -m benchmarks.gpu`.

First a round of FedAvg on W3's and W6's clients is held against the same round on the CPU; then
W1, W2, W3, W4 and W6 are timed, in seconds of wall time, everything that was asked of the device
being done. Meant to take less than five minutes.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from unalike.core import Method, Problem
from unalike.data.federation import Federation
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.methods import FedAvg, PerFedAvg

from . import plain, w1_mlp, w2_cnn, w3_tiny, w4_per_fedavg, w6_unequal
from .measure import unalike
from .worlds import cnn, federation, mlp

DEVICE = "cuda"
TURNS = 5


class Work(NamedTuple):
    """What is timed."""

    name: str
    clients: Federation
    model: Callable[[], nn.Module]
    method: Method
    update: plain.Update
    settings: dict[str, int]  # cohort, batch_size, epochs
    batches_per_step: int = 1


def works() -> list[Work]:
    """All of them."""
    w1 = federation(100, 50, 784)
    per_fedavg = PerFedAvg(alpha=w4_per_fedavg.ALPHA, beta=w4_per_fedavg.BETA, hessian="none")
    fedavg, by_hand = FedAvg(lr=0.1), plain.fedavg(0.1)
    large, tiny, unequal = (work.WIDTHS for work in (w1_mlp, w3_tiny, w6_unequal))
    return [
        Work("W1", w1, lambda: mlp(*large), fedavg, by_hand, w1_mlp.WORK),
        Work("W2", federation(20, 500, 1, 28, 28), cnn, fedavg, by_hand, w2_cnn.WORK),
        Work("W3", federation(1000, 20, 64), lambda: mlp(*tiny), fedavg, by_hand, w3_tiny.WORK),
        Work("W4", w1, lambda: mlp(*large), per_fedavg, w4_per_fedavg.update, w1_mlp.WORK, 2),
        Work(
            "W6",
            w6_unequal.label_skew(),
            lambda: mlp(*unequal),
            fedavg,
            by_hand,
            w6_unequal.WORK,
        ),
    ]


def difference(work: Work) -> float:
    """The largest difference between what clients send from the device and from the CPU."""
    sent = []
    for device in ("cpu", DEVICE):
        engine = LocalEngine(
            work.method,
            Problem(work.model()),
            work.clients,
            seed=0,
            batch_size=work.settings["batch_size"],
            epochs=work.settings["epochs"],
            plan=Plan("stacked", work.settings["cohort"], 1),
            device=device,
        )
        ids = np.arange(work.settings["cohort"])
        sent.append(engine.train(1, ids, engine.broadcast(engine.w, ids)).ups.cpu())
    return float((sent[0] - sent[1]).abs().max())


def seconds(one_round: Callable[[], object]) -> float:
    """Of a round, everything that it asks of the device included."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    one_round()
    torch.cuda.synchronize()
    return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    if not torch.cuda.is_available():
        sys.exit("There is no CUDA device here.")
    torch.set_num_threads(1)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n", flush=True)
    listed = works()
    for work in listed:
        if work.name in ("W3", "W6"):
            print(f"{work.name}: the CPU's answers to {difference(work):.1e}", flush=True)
    print("\n| | plain loop, s | unalike, s | faster |\n|---|---|---|---|")
    for work in listed:
        ways: list[Any] = [_loop(work), _ours(work)]
        for one_round in ways:
            for _ in range(3):
                one_round()
        loop, ours = (statistics.median(seconds(way) for _ in range(TURNS)) for way in ways)
        print(f"| {work.name} | {loop:.4f} | {ours:.4f} | {loop / ours:.2f} |", flush=True)


def _loop(work: Work) -> Callable[[], object]:
    clients = replace(work.clients, x=work.clients.x.to(DEVICE), y=work.clients.y.to(DEVICE))
    return plain.rounds(
        work.model().to(DEVICE),
        clients,
        update=work.update,
        batches_per_step=work.batches_per_step,
        **work.settings,
    )


def _ours(work: Work) -> Callable[[], object]:
    return unalike(
        work.method,
        work.model(),
        work.clients,
        plan=Plan("stacked", work.settings["cohort"], 1),
        device=DEVICE,
        **work.settings,
    )


if __name__ == "__main__":
    main()
