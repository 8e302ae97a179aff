"""What a look at all clients costs beside two rounds. Run: `python -m benchmarks.evaluation`.

A study of 50 rounds looks after every second round. W1 (12 test and 5 validation samples a client
beside its 50) and W3 (5 and 2 beside its 20), each with FedAvg, Ditto and Local. CPU seconds of one
thread, rounds and looks in turn, medians; share: of the look in two rounds and itself.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from unalike.core import Method, Problem
from unalike.data.federation import Federation
from unalike.engines.local import LocalEngine
from unalike.engines.personal_prediction import PersonalPredictor
from unalike.engines.plan import Plan
from unalike.methods import Ditto, FedAvg, Local
from unalike.rounds import rounds
from unalike.study.evaluate import evaluate

from . import w1_mlp, w3_tiny
from .worlds import mlp

ROUNDS_PER_LOOK = 2
WARM = 30
TURNS = 15


class Work(NamedTuple):
    """Clients of equal size, and what they do in a round."""

    widths: tuple[int, ...]
    clients: int
    train: int
    test: int
    validation: int
    work: dict[str, int]


WORKS = {
    "W1": Work(w1_mlp.WIDTHS, 100, 50, 12, 5, w1_mlp.WORK),
    "W3": Work(w3_tiny.WIDTHS, 1000, 20, 5, 2, w3_tiny.WORK),
}
METHODS: dict[str, Callable[[], Method]] = {
    "FedAvg": lambda: FedAvg(lr=0.1),
    "Ditto": lambda: Ditto(lr=0.1),
    "Local": lambda: Local(lr=0.1),
}


def main(names: list[str]) -> None:
    """Print the table of these works, or of both."""
    torch.set_num_threads(1)
    print("| | two rounds, CPU s | a look, CPU s | share |\n|---|---|---|---|")
    for work in names or list(WORKS):
        federation = federation_of(WORKS[work])
        for label, method in METHODS.items():
            run = _Run(WORKS[work], method(), federation)
            trained, looked = run.seconds()
            share = looked / (trained + looked)
            print(f"| {work}, {label} | {trained:.4f} | {looked:.4f} | {share:.2f} |", flush=True)


class _Run:
    def __init__(self, work: Work, method: Method, federation: Federation) -> None:
        cohort = work.work["cohort"]
        self._engine = engine = LocalEngine(
            method,
            Problem(mlp(*work.widths)),
            federation,
            seed=0,
            batch_size=work.work["batch_size"],
            epochs=work.work["epochs"],
            plan=Plan("stacked", cohort, 1),
        )
        server = method.init_server(engine.problem, engine.w, engine.population)
        self._rounds = rounds(method, engine, server, cohort=cohort, seed=0)
        self._models = PersonalPredictor(engine)

    def seconds(self) -> tuple[float, float]:
        """Of two rounds, and of a look after them."""
        self._train(WARM)
        self._look(self._train(1))
        trained, looked = [], []
        for _ in range(TURNS):
            began = time.process_time()
            last = self._train(ROUNDS_PER_LOOK)
            between = time.process_time()
            self._look(last)
            trained.append(between - began)
            looked.append(time.process_time() - between)
        return statistics.median(trained), statistics.median(looked)

    def _train(self, times: int) -> Any:
        for _ in range(times):
            last = next(self._rounds)
        return last

    def _look(self, last: Any) -> dict[str, Any]:
        return evaluate(self._engine, last.server, last.t, last.cohort, self._models)


def federation_of(work: Work) -> Federation:
    """The clients of a work, with samples to validate and to test on."""
    luck = np.random.default_rng(0)
    held = work.train + work.test + work.validation
    y = luck.integers(10, size=work.clients * held)
    x = luck.normal(size=(len(y), work.widths[0])).astype(np.float32)
    x[np.arange(len(y)), y] += 2
    return Federation.from_arrays(
        x,
        y,
        client=np.repeat(np.arange(work.clients), held),
        test=work.test / held,
        validation=work.validation / held,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
