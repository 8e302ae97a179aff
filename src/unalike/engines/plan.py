"""How the clients of a round are spread over the machine; it never changes results.

mode "stacked" runs chunks of clients at once through `torch.func.vmap`; "single" runs them one by
one. Which of the two is a rule of the model and the device, because they round differently. The
chunk size and the number of threads do not touch a bit of the result, so they may be measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from unalike.core import Problem
from unalike.errors import InputError

from .machine import cores as cores

Mode = Literal["stacked", "single"]

TRIAL_SHARE = 0.02
"""Share of a run's time that may go into measuring."""
SMALLEST_CHUNK = 4


@dataclass(frozen=True)
class Plan:
    """Chunk size in clients, threads over chunks; one intra-op thread each on a CPU."""

    mode: Mode
    chunk: int
    threads: int
    compiled: bool = False

    def __str__(self) -> str:
        work = f"chunks of {self.chunk} clients" if self.mode == "stacked" else "one by one"
        threads = f", {self.threads} threads" if self.threads > 1 else ""
        return work + threads + (", compiled" if self.compiled else "")

    @staticmethod
    def read(text: str) -> Plan:
        """The inverse of `str`.

        Raises:
            InputError: the text is no plan.
        """
        found = re.fullmatch(
            r"(?:chunks of (\d+) clients|one by one)(?:, (\d+) threads)?(, compiled)?", text
        )
        if found is None:
            raise InputError(f"{text!r} is not a plan such as 'chunks of 64 clients, 2 threads'.")
        chunk, threads, compiled = found.groups()
        return Plan(
            "stacked" if chunk else "single", int(chunk or 1), int(threads or 1), bool(compiled)
        )


class TimedClients(Protocol):
    """Clients that can try out a plan without a trace."""

    plan: Plan
    problem: Problem

    def time_round(self, ids: NDArray[np.int64], downs: Any) -> float: ...


def mode_for(problem: Problem, device: torch.device | str = "cpu") -> Mode:
    """ "single" for models that cannot be stacked, and for convolutions on a CPU, which are slower
    with a kernel per client."""
    if problem.fit.alone is not None:
        return "single"
    module: nn.Module | None = getattr(problem, "module", None)
    if module is None or torch.device(device).type != "cpu":
        return "stacked"
    convolves = any(isinstance(part, nn.modules.conv._ConvNd) for part in module.modules())
    return "single" if convolves else "stacked"


def choose_plan(
    clients: TimedClients,
    ids: NDArray[np.int64],
    downs: Any,
    *,
    mode: Mode,
    chunk: int | None = None,
    threads: int | None = None,
    most_threads: int = 1,
    compiled: bool = False,
    rounds: int = 1,
) -> Plan:
    """The fastest plan for the cohort of the first round, measured on its own work.

    The rounds' results are not touched. A pinned `chunk` or `threads` is kept. Measuring ends
    when it has taken `TRIAL_SHARE` of the time that `rounds` rounds will take.

    ids: the cohort [S]; downs: what travels to it, leaves [S, ...].
    most_threads: how many cores are free for this run.
    """
    plans = list(_candidates(mode, len(ids), chunk, threads, most_threads))
    if len(plans) == 1:
        return replace(plans[0], compiled=compiled)
    before, best, fastest, spent = clients.plan, plans[0], float("inf"), 0.0
    try:
        for plan in plans:
            clients.plan = plan
            taken = [clients.time_round(ids, downs) for _ in range(2)]
            spent += sum(taken)
            if min(taken) < fastest:
                best, fastest = plan, min(taken)
            if spent > TRIAL_SHARE * rounds * fastest:
                break
    finally:
        clients.plan = before
    return replace(best, compiled=compiled)


def _candidates(
    mode: Mode, cohort: int, chunk: int | None, threads: int | None, most_threads: int
) -> Iterator[Plan]:
    """The likeliest first: all at once, then smaller chunks, then with threads."""
    most = min(most_threads, max(1, cohort if mode == "single" else cohort // 2))
    for count in [threads] if threads else sorted({1, most}):
        if mode == "single":
            yield Plan("single", 1, count)
            continue
        largest = max(2, -(-cohort // count))
        sizes = [largest, largest // 2, largest // 4]
        fitting = [size for size in sizes if size >= SMALLEST_CHUNK] or [largest]
        for size in [chunk] if chunk else fitting:
            yield Plan("stacked", size, count)
