"""How the clients of a round are spread over the machine; it never changes results.

mode "stacked" runs chunks of clients at once through `torch.func.vmap`; "single" runs them one by
one. Which of the two is a rule of the model and the device, because they round differently. The
chunk size and the number of threads do not touch a bit of the result, so they may be measured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from unalike.core import Problem
from unalike.errors import InputError

from .machine import cores as cores

Mode = Literal["stacked", "single"]

SMALLEST_CHUNK = 4
"""Clients in the smallest chunk that is tried."""
TO_BEGIN_WITH = " to begin with"
"""What follows a plan that other plans are tried after."""


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
            r"(?:chunks of (\d+) clients|one by one)(?:, (\d+) threads)?(, compiled)?",
            text.removesuffix(TO_BEGIN_WITH),
        )
        if found is None:
            raise InputError(f"{text!r} is not a plan such as 'chunks of 64 clients, 2 threads'.")
        chunk, threads, compiled = found.groups()
        return Plan(
            "stacked" if chunk else "single", int(chunk or 1), int(threads or 1), bool(compiled)
        )


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


def candidate_plans(
    mode: Mode,
    cohort: int,
    *,
    chunk: int | None = None,
    threads: int | None = None,
    most_threads: int = 1,
    compiled: bool = False,
) -> list[list[Plan]]:
    """What may be tried: for each number of threads, from the largest chunk down.

    A given `chunk` or `threads` is kept. most_threads: how many cores are free for this run.
    """
    most = min(most_threads, max(1, cohort if mode == "single" else cohort // 2))
    found = []
    for count in [threads] if threads else sorted({1, most}):
        sizes = [1]
        if mode == "stacked":
            largest = max(2, -(-cohort // count))
            halves = [largest, largest // 2, largest // 4]
            sizes = [size for size in halves if size >= SMALLEST_CHUNK] or [largest]
            sizes = [chunk] if chunk else sizes
        found.append([Plan(mode, size, count, compiled) for size in sizes])
    return found
