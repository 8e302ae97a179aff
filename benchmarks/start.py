"""How long a federation of three sites takes to begin: `python -m benchmarks.start` (Linux).

The server is there, behind its gate with TLS and keys; then three sites join at once, each loading
Python, torch and its samples. Told are seconds from the last join until all sites are known to the
study and until its first round is over, and the CPU seconds that all processes took until then.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from real_federation import RealFederation
from unalike.engines.machine import cores
from unalike.study.settings import make_study

from .network import cpu_seconds

SITES = 3
STUDY = {"data": "digits", "clients": SITES, "new_clients": 0.0, "model": "mlp", "rounds": 2}
STUDY |= {"methods": "fedavg", "seeds": 1, "evaluate_every": 2}


def measure(node: str) -> tuple[float, float, float]:
    """Seconds until all are known, until the first round is over, and CPU seconds until then."""
    with tempfile.TemporaryDirectory(prefix="start-") as place:
        federation = RealFederation(Path(place) / "study", make_study(STUDY), first=0, node=node)
        with federation:
            federation.wait(lambda: any(one["event"] == "serving" for one in federation.events))
            before = cpu_seconds([os.getpid()])
            for name in federation.rehearsal.names:
                federation.rehearsal.start(name)
            joined = time.monotonic()
            federation.wait(
                lambda: sum(one["event"] == "joined" for one in federation.events) == SITES
            )
            known = time.monotonic() - joined
            federation.wait(federation.rounds)
            first = time.monotonic() - joined
            return known, first, cpu_seconds([os.getpid()]) - before


def main(arguments: list[str]) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start")
    parser.add_argument("--times", type=int, default=1)
    given = parser.parse_args(arguments)
    print(f"{cores()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| node | s until all are known | s until round 1 is over | CPU s |\n|---|---|---|---|")
    for node in ("supernode", "one-process"):
        for _ in range(given.times):
            known, first, cpu = measure(node)
            print(f"| {node} | {known:.1f} | {first:.1f} | {cpu:.1f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
