"""How long a federation of three sites takes to begin: `python -m benchmarks.start` (Linux).

A server behind its gate with TLS and keys; then three sites join at once, each loading Python,
torch and its samples: as soon as the server lets anybody in, or when its study is ready and waits
for sites. Told are seconds from the start of the server to the joins, from there until all sites
are known to the study and until its first round is over, and the CPU seconds that all processes
took from the joins until then.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from real_federation import RealFederation
from unalike.engines.machine import cores
from unalike.network.deployment.node_kinds import NODES
from unalike.study.settings import make_study

from .network import cpu_seconds

SITES = 3
JOINS = {"at once": "serving", "to a study that waits": "waiting"}
"""When they do, and the event of the server that they wait for."""
STUDY = {"data": "digits", "clients": SITES, "new_clients": 0.0, "model": "mlp", "rounds": 2}
STUDY |= {"methods": "fedavg", "seeds": 1, "evaluate_every": 2}


def measure(node: str, joins: str) -> tuple[float, float, float, float]:
    """Seconds to the joins, on until all are known, until the first round is over; CPU seconds."""
    with tempfile.TemporaryDirectory(prefix="start-") as place:
        federation = RealFederation(Path(place) / "study", make_study(STUDY), first=0, node=node)
        begun = time.monotonic()
        with federation:
            federation.wait(lambda: any(one["event"] == JOINS[joins] for one in federation.events))
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
            return joined - begun, known, first, cpu_seconds([os.getpid()]) - before


def main(arguments: list[str]) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--nodes", nargs="+", default=list(NODES), choices=NODES)
    given = parser.parse_args(arguments)
    print(f"{cores()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| node | the sites join | after s | s until all known | s until round 1 over | CPU s |")
    print("|---|---|---|---|---|---|")
    for node, joins, _ in product(given.nodes, JOINS, range(given.times)):
        after, known, first, cpu = measure(node, joins)
        print(
            f"| {node} | {joins} | {after:.1f} | {known:.1f} | {first:.1f} | {cpu:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
