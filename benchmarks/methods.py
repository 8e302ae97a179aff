"""A round of every method beside FedAvg's, and beside what its mathematics says it costs.

    python -m benchmarks.methods [w1 | w3] [METHOD ...]

The model of a method's cost is the number of gradients of a sample that it takes in a round, a
product with the Hessian counting as two and a forward pass alone as a third. MOCHA's also counts
the products of matrices by which it relates clients, 3 P multiplications to a gradient. Both are
divided by FedAvg's on the same clients, with the same model, batches and local epochs; every
method has its default settings. The two take turns of a few rounds, as many as MOCHA needs to do
all that it does now and then, and as in a run most rounds follow one of their own kind; seconds
are CPU seconds of the process. `centralised` is left out: it takes its steps one after another on
everybody's data, which no clients can be stacked for. What a long run records after a hundred
calls is traced at the second here. `fusedspacefed` and its FedAvg have a network with encoder,
decoder and classifier.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn

from unalike.core import Method, Problem
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.functional import traced_function
from unalike.methods import METHODS, MOCHA
from unalike.models.fused import FusedNet
from unalike.rounds import Round, rounds

from . import w1_mlp, w3_tiny
from .worlds import federation, mlp

TURNS = 9
TARGET = 1.5
WARM = 8  # rounds before the clock: IFCA's trials are over

FORWARD: dict[str, Callable[[Any], int]] = {
    "afl": lambda method: 1,
    "qfedavg": lambda method: 1,
    "qfedsgd": lambda method: 1,
    "fedas": lambda method: 1,
    "ifca": lambda method: method.clusters,
    "fedem": lambda method: method.components,
}
"""Passes over a client's samples in a round that only look at the output."""

TURN = MOCHA().every
"""Rounds in a turn."""


class Work(NamedTuple):
    """What there is to do in a round."""

    clients: int
    samples: int  # of each client
    widths: tuple[int, ...]
    settings: dict[str, int]  # cohort, batch_size, epochs


class Cost(NamedTuple):
    """Of one method's round."""

    model: float  # of what FedAvg's mathematics costs
    time: float  # of what FedAvg's round takes
    seconds: float


WORK = {
    "w1": Work(100, 50, w1_mlp.WIDTHS, w1_mlp.WORK),
    "w3": Work(1000, 20, w3_tiny.WIDTHS, w3_tiny.WORK),
}


def cost(work: Work, name: str) -> Cost:
    """Of the method of this name, rounds of FedAvg taking turns with its own."""
    runs = [_loop(work, method, name) for method in (METHODS[name](), METHODS["fedavg"]())]
    for run in runs:
        _warm(run)
    seconds: list[list[float]] = [[], []]
    for _ in range(TURNS):
        for spent, run in zip(seconds, runs, strict=True):
            began = time.process_time()
            for _ in range(TURN):
                next(run)
            spent.append((time.process_time() - began) / TURN)
    last = [next(run) for run in runs]
    forward = FORWARD[name](METHODS[name]()) if name in FORWARD else 0
    passes = forward * work.settings["cohort"] * work.samples
    ratios = [mine / other for mine, other in zip(*seconds, strict=True)]
    return Cost(
        (last[0].gradients + passes / 3 + _algebra(work, name)) / last[1].gradients,
        statistics.median(ratios),
        statistics.median(seconds[0]),
    )


def _algebra(work: Work, name: str) -> float:
    """Products of matrices in a round beside the gradients, in gradients of a sample.

    MOCHA couples each of S clients with all N models of P numbers; every few rounds it takes the
    models' N x N products, their eigenvectors (9 N^3 multiplications, by the usual count), and an
    inverse.
    """
    if name != "mocha":
        return 0.0
    into, hidden, classes = work.widths
    p, n = hidden * (into + 1) + classes * (hidden + 1), work.clients
    learned = n**2 * p + 9 * n**3 + 2 * n**3
    return (work.settings["cohort"] * n * p + learned / MOCHA().every) / (3 * p)


def _loop(work: Work, method: Method, name: str) -> Iterator[Round]:
    cohort, batch_size, epochs = (work.settings[k] for k in ("cohort", "batch_size", "epochs"))
    engine = LocalEngine(
        method,
        Problem(_network(work, name)),
        federation(work.clients, work.samples, work.widths[0]),
        seed=0,
        batch_size=batch_size,
        epochs=epochs,
        plan=Plan("stacked", cohort, 1),
    )
    server = method.init_server(engine.problem, engine.w, engine.population)
    return rounds(method, engine, server, cohort=cohort, seed=0)


def _network(work: Work, name: str) -> nn.Module:
    if name != "fusedspacefed":
        return mlp(*work.widths)
    into, hidden, _ = work.widths
    return FusedNet(
        nn.Sequential(nn.Linear(into, hidden), nn.ReLU()),
        nn.Linear(hidden, into),
        mlp(*work.widths),
    )


def _warm(run: Iterator[Round]) -> None:
    for _ in range(WARM):
        next(run)


def main(asked: list[str]) -> None:
    """Print a table for each kind of work."""
    torch.set_num_threads(1)
    traced_function.CALLS_BEFORE_TRACING = 2
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{platform.machine()}, torch {torch.__version__}{load}")
    for title, work in WORK.items():
        if any(key in asked for key in WORK) and title not in asked:
            continue
        print(f"\n| {title.upper()} | gradients of FedAvg's | time of FedAvg's | time / model |")
        print("|---|---|---|---|", flush=True)
        for name in [name for name in METHODS if name in asked] or METHODS:
            if METHODS[name].pooled:
                continue
            found = cost(work, name)
            over = found.time / found.model if found.model else float("nan")
            mark = " **over**" if over > TARGET else ""
            print(
                f"| {name} | {found.model:.2f} | {found.time:.2f} | {over:.2f}{mark} |", flush=True
            )


if __name__ == "__main__":
    main(sys.argv[1:])
