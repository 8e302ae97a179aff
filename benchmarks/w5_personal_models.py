"""W5: a model of its own for each of 100 to 10,000 clients. Run: `python -m benchmarks w5`.

W3's model and data, 100 clients a round, the method `local`, whose state is [N, P].
"""

import statistics
import sys
import time

import torch

from unalike.core import Problem
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.methods import Local
from unalike.rounds import rounds

from .measure import peak, printed
from .w3_tiny import WIDTHS
from .worlds import federation, mlp

CLIENTS = (100, 1_000, 10_000)
ROUNDS = 40


def one(clients: int) -> None:
    """Print the row of this many clients: to be run in a process of its own."""
    torch.set_num_threads(1)
    engine = LocalEngine(
        Local(),
        Problem(mlp(*WIDTHS)),
        federation(clients, 20, 64),
        seed=0,
        batch_size=10,
        epochs=2,
        plan=Plan("stacked", 100, 1),
    )
    server = engine.method.init_server(engine.problem, engine.w, engine.population)
    loop = rounds(engine.method, engine, server, cohort=100, seed=0)
    seconds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        last = next(loop)
        seconds.append(time.process_time() - began)
    trained = peak()
    engine.personalise(last.t, last.server)
    median = statistics.median(seconds[ROUNDS // 2 :])
    print(f"| {clients:,} | {median:.4f} | {trained:.0f} | {peak():.0f} |")


def main() -> None:
    """Print the table."""
    print("| clients | CPU s a round | peak MB, training | peak MB, and every client's model |")
    print("|---|---|---|---|")
    for clients in CLIENTS:
        print(printed("w5_personal_models", str(clients)), end="", flush=True)


if __name__ == "__main__":
    one(int(sys.argv[1]))
