"""Memory foretold and memory needed. Run: `python -m benchmarks.memory [AT ONCE]`; Linux.

Each row is a process of its own that does one run: with `evaluated` all of it, with the looks, the
checkpoints and the kept models, else its rounds alone. held: what the process holds before the run,
data and libraries included. foretold, needed: its peak, less what it held.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from unalike.core import Problem
from unalike.data.federation import Federation
from unalike.engines.machine import held_memory, peak_memory
from unalike.rounds import rounds
from unalike.study.inputs import UserInputs, problem_for
from unalike.study.run import RunTask, engine_for, memory_of_run, method_of_run, run
from unalike.study.settings import Study, make_study

from .worlds import cnn, mlp


class Case(NamedTuple):
    """A run whose memory is foretold and measured."""

    method: str
    widths: tuple[int, ...]  # of the network; of none but the first: the FedAvg CNN
    clients: int
    samples: int  # of each client
    cohort: int
    evaluated: bool
    rounds: int = 3


SMALL, MIDDLE, WIDE = (64, 32, 10), (64, 300, 10), (784, 200, 10)
CASES = (
    Case("fedavg", SMALL, 1_000, 20, 100, True),
    Case("local", SMALL, 1_000, 20, 100, True, 20),
    Case("ditto", SMALL, 5_000, 10, 500, False, 10),
    Case("fedavg", WIDE, 100, 50, 10, True),
    Case("local", WIDE, 100, 50, 50, True),
    Case("scaffold", WIDE, 100, 50, 50, False),
    Case("fedper", WIDE, 100, 50, 50, True),
    Case("pfedme", WIDE, 100, 50, 50, True),
    Case("per_fedavg", WIDE, 50, 50, 50, True),
    Case("fedavg", MIDDLE, 20_000, 10, 100, True, 10),
    Case("local", MIDDLE, 20_000, 10, 100, True, 20),
    Case("ditto", MIDDLE, 2_000, 10, 500, True, 5),
    Case("fedem", SMALL, 1_000, 20, 100, True),
    Case("fedavg", (784,), 20, 60, 20, True, 2),
)


class Measured(NamedTuple):
    """Bytes."""

    held: int
    foretold: int
    needed: int

    @property
    def ratio(self) -> float:
        """Of the peak foretold for the process to the real one."""
        return (self.held + self.foretold) / (self.held + self.needed)


def study_of(case: Case) -> Study:
    """The study of a case, without the data and the model."""
    return make_study(
        {
            "methods": (case.method,),
            "data": "own",
            "model": "own",
            "rounds": case.rounds,
            "evaluate_every": case.rounds,
            "cohort": case.cohort,
            "batch_size": 10,
            "seeds": 1,
        }
    )


def federation_of(case: Case) -> Federation:
    """Normal samples."""
    luck, convolves = np.random.default_rng(0), _convolves(case)
    n = case.clients * case.samples
    x = luck.standard_normal((n, case.widths[0]), dtype=np.float32)
    return Federation.from_arrays(
        x.reshape(n, 1, 28, 28) if convolves else x,
        luck.integers(0, 10, n),
        client=np.repeat(np.arange(case.clients), case.samples),
        classes=10,
    )


def network_of(case: Case) -> Problem:
    """A convolutional network, or a perceptron."""
    return Problem(cnn() if _convolves(case) else mlp(*case.widths))


def _convolves(case: Case) -> bool:
    return len(case.widths) == 1


def measure(case: Case) -> Measured:
    """In this process, which should have done nothing else."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    study, data = study_of(case), federation_of(case)
    inputs = UserInputs(data, network_of(case))
    problem = problem_for(study, data, inputs)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    held = held_memory()
    foretold = memory_of_run(study, case.method, data, problem, evaluated=case.evaluated)
    with tempfile.TemporaryDirectory() as folder:
        if case.evaluated:
            run(RunTask(study, case.method, 0, Path(folder), inputs))
        else:
            method = method_of_run(study, case.method, data, problem)
            engine = engine_for(method, problem, data, study, 0, problem.init())
            server = method.init_server(engine.problem, engine.w, engine.population)
            loop = rounds(engine.method, engine, server, cohort=case.cohort, seed=0)
            list(islice(loop, case.rounds))
    return Measured(held, foretold, peak_memory() - held)


def measured(cases: Sequence[Case], at_once: int = 1) -> Iterator[Measured]:
    """Each in a process of its own, begun anew: one that a thread forks allocates otherwise."""
    with multiprocessing.get_context("spawn").Pool(at_once, maxtasksperchild=1) as pool:
        yield from pool.imap(measure, cases, chunksize=1)


def main(at_once: int) -> None:
    """Print the table, with so many processes at once."""
    print("| method | weights | clients | a round | evaluated | held | foretold | needed | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case, found in zip(CASES, measured(CASES, at_once), strict=True):
        module = mlp(*case.widths) if case.widths[1:] else cnn()
        weights = sum(leaf.numel() for leaf in module.parameters())
        held, foretold, needed = (round(count / 1e6) for count in found)
        print(
            f"| {case.method} | {weights:,} | {case.clients:,} | {case.cohort} "
            f"| {'yes' if case.evaluated else 'no'} | {held} | {foretold} | {needed} "
            f"| {found.ratio:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
