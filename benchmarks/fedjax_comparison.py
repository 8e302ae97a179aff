"""W1 and W3 beside fedjax: `python -m benchmarks.fedjax_comparison --python FEDJAX/bin/python`.

fedjax wants versions of its own, so it has an environment of its own:

    python -m venv FEDJAX && FEDJAX/bin/pip install fedjax "jax[cpu]"

One after the other on one core: the loop that one would write by hand and unalike in this process,
fedjax in others. CPU seconds of a round, medians of five turns, compiling and recording left out.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import torch

from .measure import Row

PROGRAM = Path(__file__).with_name("fedjax_rounds.py")
WORKS = {"w1": ("w1_mlp", "chunks of 10 clients"), "w3": ("w3_tiny", "chunks of 100 clients")}
TURNS, WARM, SECONDS = 5, 40, 1.0


def cpu_seconds(row: Row) -> list[float]:
    """Of a round, in each of the turns."""
    one_round = row.start()
    for _ in range(WARM if row.name != "plain loop" else row.warm):
        one_round()
    found = []
    for _ in range(TURNS):
        spent, rounds = time.process_time(), 0
        while time.process_time() - spent < SECONDS:
            one_round()
            rounds += 1
        found.append((time.process_time() - spent) / rounds)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--python", required=True, help="of the environment with fedjax")
    python = parser.parse_args().python
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    print("| | loop, CPU s | unalike | fedjax | times as fast as fedjax |\n|---|---|---|---|---|")
    for work, (module, plan) in WORKS.items():
        rows = import_module(f"benchmarks.{module}").rows()
        chosen = [row for row in rows if row.name in ("plain loop", f"unalike, {plan}")]
        loop, ours = (statistics.median(cpu_seconds(row)) for row in chosen)
        theirs = statistics.median(_fedjax(python, work) for _ in range(TURNS))
        print(f"| {work} | {loop:.4f} | {ours:.4f} | {theirs:.4f} | {theirs / ours:.2f} |")


def _fedjax(python: str, work: str) -> float:
    done = subprocess.run([python, str(PROGRAM), work], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"fedjax ended in an error:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[0])


if __name__ == "__main__":
    main()
