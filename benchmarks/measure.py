"""Interleaved timing, peak memory of fresh processes, and the table of both.

`python -m benchmarks.measure w1_mlp "plain loop"` runs one row and prints its peak in MB.
"""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import torch
from torch import nn

from unalike.core import Method, Problem
from unalike.data.federation import Federation
from unalike.engines.local import LocalEngine
from unalike.engines.machine import peak_memory
from unalike.engines.plan import Plan
from unalike.functional.precision import Precision
from unalike.rounds import rounds

Round = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """A way to do the work: `start` builds it and returns the function that does a round."""

    name: str
    start: Callable[[], Round]
    warm: int = 1  # rounds before the clock


def unalike(
    method: Method,
    module: nn.Module,
    federation: Federation,
    *,
    cohort: int,
    batch_size: int,
    epochs: int,
    plan: Plan,
    device: str = "cpu",
    precision: Precision = "float32",
) -> Round:
    """unalike's own rounds."""
    engine = LocalEngine(
        method,
        Problem(module),
        federation,
        seed=0,
        batch_size=batch_size,
        epochs=epochs,
        plan=plan,
        device=device,
        precision=precision,
    )
    server = method.init_server(engine.problem, engine.w, engine.population)
    loop = rounds(method, engine, server, cohort=cohort, seed=0)
    return lambda: next(loop)


TURN = 0.15
"""Seconds of rounds in a row that each way does before the next takes over."""


def show(work: str, rows: list[Row], repeats: int, *, peaks: bool = True) -> None:
    """Time the rows in turn, `repeats` times, and print the table; the first row is the yardstick.

    A turn is as many rounds in a row as take about `TURN` seconds, and at least one: a way whose
    round is short does not start each of them with the caches full of another's data.

    wall, CPU: median seconds of a round. faster: median over the turns of the first row's
    seconds divided by this row's, in wall and in CPU time. peak: of a fresh process that does
    `warm` rounds and one more; not measured without `peaks`.
    """
    torch.set_num_threads(1)
    running = [row.start() for row in rows]
    for row, one_round in zip(rows, running, strict=True):
        for _ in range(row.warm):
            one_round()
    wall: list[list[float]] = [[] for _ in rows]
    cpu: list[list[float]] = [[] for _ in rows]
    in_a_row = [max(1, round(TURN / _seconds(one_round)[1])) for one_round in running]
    for _ in range(repeats):
        for i, one_round in enumerate(running):
            seconds = _seconds(one_round, in_a_row[i])
            wall[i].append(seconds[0])
            cpu[i].append(seconds[1])
    print("| | wall s | CPU s | faster (wall) | faster (CPU) | peak MB |")
    print("|---|---|---|---|---|---|")
    for i, row in enumerate(rows):
        ratios = [
            statistics.median(a / b for a, b in zip(times[0], times[i], strict=True))
            for times in (wall, cpu)
        ]
        print(
            f"| {row.name} | {statistics.median(wall[i]):.4f} | {statistics.median(cpu[i]):.4f} "
            f"| {ratios[0]:.2f} | {ratios[1]:.2f} "
            f"| {fresh_peak(work, row.name) if peaks else math.nan:.0f} |",
            flush=True,
        )


def _seconds(one_round: Round, times: int = 1) -> tuple[float, float]:
    """Wall and CPU seconds of a round, the mean of so many in a row."""
    began, spent = time.perf_counter(), time.process_time()
    for _ in range(times):
        one_round()
    return (time.perf_counter() - began) / times, (time.process_time() - spent) / times


def fresh_peak(work: str, name: str) -> float:
    """Peak resident megabytes of a process of its own that does nothing but this row."""
    return float(printed("measure", work, name))


def printed(module: str, *words: str) -> str:
    """What this module of the benchmarks prints with these words, run in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def peak() -> float:
    """Peak resident megabytes of this process."""
    return peak_memory() / 1e6


def _one(work: str, name: str) -> None:
    torch.set_num_threads(1)
    row = next(row for row in import_module(f"benchmarks.{work}").rows() if row.name == name)
    one_round = row.start()
    for _ in range(row.warm + 1):
        one_round()
    print(peak())


if __name__ == "__main__":
    _one(*sys.argv[1:])
