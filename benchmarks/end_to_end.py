"""Four methods from the shell to their scores, beside Flower: `python -m benchmarks.end_to_end`.

MNIST (`UNALIKE_DATA` says where it lies) among 20 clients as Dirichlet 0.1 deals it, 784-64-10, 20
rounds of one epoch, scores of all clients after every second round, all cores. unalike is one
command, which trains Local as well, judges by the round that validation chose, and writes table and
report; Flower's simulation is one a method, by the program of `flower_comparison.py`. Wall
seconds of the commands; Flower's clients find their samples dealt, which is not counted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from unalike.study.inputs import deal_study
from unalike.study.settings import make_study

METHODS = ("fedavg", "fedprox", "fedavgm", "fedadam")
DEAL = {"data": "mnist", "split": "dirichlet", "alpha": 0.1, "clients": 20, "new_clients": 0.0}
WORK = {"model": "mlp", "seeds": 1, "batch_size": 16, "local_epochs": 1, "evaluate_every": 2}


def write_parts(path: Path) -> None:
    """The samples of each client, for Flower's."""
    federation = deal_study(make_study(DEAL), 0)
    arrays = {}
    for k in range(federation.clients):
        train, test = federation.train.rows(k), federation.test.rows(k)
        arrays |= {f"x{k}": federation.x[train].numpy(), f"y{k}": federation.y[train].numpy()}
        arrays |= {f"xt{k}": federation.x_test[test].numpy()}
        arrays |= {f"yt{k}": federation.y_test[test].numpy()}
    np.savez(path, **arrays)  # type: ignore[arg-type]


def seconds(command: list[str]) -> float:
    """Of wall time that a command takes."""
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ended in an error:\n{done.stderr[-2000:]}")
    return time.monotonic() - begun


def main() -> None:
    """Time both, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        parts, folder = Path(name) / "parts.npz", Path(name) / "study"
        write_parts(parts)
        options = [f"--{key.replace('_', '-')}={value}" for key, value in (DEAL | WORK).items()]
        ours = seconds(
            [
                *(sys.executable, "-m", "unalike", "compare", "--out", str(folder)),
                *(f"--methods={','.join(METHODS)}", f"--rounds={given.rounds}", *options),
            ]
        )
        print("| | wall s |\n|---|---:|")
        print(f"| unalike compare, {len(METHODS)} methods and Local | {ours:.1f} |", flush=True)
        total = 0.0
        for method in METHODS:
            call = f"simulate({method!r}, {str(parts)!r}, {given.rounds}, {DEAL['clients']})"
            code = f"from benchmarks.flower_comparison import simulate; {call}"
            taken = seconds([sys.executable, "-c", code])
            print(f"| Flower's simulation, {method} | {taken:.1f} |", flush=True)
            total += taken
        print(f"| Flower's simulation, all | {total:.1f} |")
        print(f"\n{total / ours:.1f} times as long.")


if __name__ == "__main__":
    main()
