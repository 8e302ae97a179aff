"""Where the CPU time of a default run goes. Run: `python -m benchmarks.default_run`.

`compare` of FedAvg, and of Local, which it adds, with all settings of how often is looked, what is
kept and how the work is spread as they are: 50 rounds, a look after the first and every second. One
seed of the work and the clients of `benchmarks/evaluation.py`, a module of one's own, one process.
CPU seconds of the process, from the call on and so without imports of unalike itself.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import torch

import unalike
from unalike.study import run, training
from unalike.study.kept_models import ModelWriter
from unalike.study.run import SimulatedClients
from unalike.study.store import RunStore

from .evaluation import WORKS, federation_of
from .worlds import mlp

ROUNDS, LOOKS, LINES, MODELS, CHECKPOINTS, RUNS = (
    "rounds",
    "looks",
    "lines of results",
    "kept models",
    "checkpoints",
    "runs",
)


class Clock:
    """CPU seconds by what they were spent on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function with its seconds counted."""

        def counted(*given: Any, **more: Any) -> Any:
            began = time.process_time()
            try:
                return call(*given, **more)
            finally:
                self.seconds[name] += time.process_time() - began

        return counted

    def timed_steps(self, name: str, call: Callable[..., Iterator[Any]]) -> Any:
        """The same generator with the seconds of each of its steps counted."""

        def counted(*given: Any, **more: Any) -> Iterator[Any]:
            steps = call(*given, **more)
            following = self.timed(name, lambda: next(steps))
            while True:
                yield following()

        return counted


def main(names: list[str]) -> None:
    """Print the table of these works, or of both."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    clock = Clock()
    for owner, attribute, name, timed in (
        (SimulatedClients, "evaluate", LOOKS, clock.timed),
        (RunStore, "append", LINES, clock.timed),
        (ModelWriter, "write", MODELS, clock.timed),
        (RunStore, "checkpoint", CHECKPOINTS, clock.timed),
        (run, "train", RUNS, clock.timed),
        (training, "rounds", ROUNDS, clock.timed_steps),
    ):
        setattr(owner, attribute, timed(name, getattr(owner, attribute)))
    parts = (ROUNDS, LOOKS, LINES, MODELS, CHECKPOINTS)
    print(f"| | compare, CPU s | runs, CPU s | {' | '.join(parts)} |")
    print("|---|---|---|" + "---|" * len(parts))
    for work in names or list(WORKS):
        clients, given = federation_of(WORKS[work]), WORKS[work].work
        clock.seconds.clear()
        began = time.process_time()
        unalike.compare(
            clients,
            model=mlp(*WORKS[work].widths),
            methods="fedavg",
            seeds=1,
            jobs=1,
            cohort=given["cohort"],
            batch_size=given["batch_size"],
            local_epochs=given["epochs"],
        )
        whole, runs = time.process_time() - began, clock.seconds[RUNS]
        shares = " | ".join(f"{clock.seconds[part] / runs:.2f}" for part in parts)
        print(f"| {work} | {whole:.1f} | {runs:.2f} | {shares} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
