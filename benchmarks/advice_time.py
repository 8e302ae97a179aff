"""What an advice costs. Run: `python -m benchmarks.advice_time`.

10 clients of unequal size and unlike classes hold 1,600 samples of 196 features, `mlp`, 20 rounds,
all else as `advise` has it. CPU seconds of the process and of those that it starts, imports left
out, one run; the digest is that of the advice, to tell whether a change keeps it.
"""

from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import torch

from unalike import Advice, advise
from unalike.data.federation import Federation

CLIENTS, SAMPLES, FEATURES, CLASSES = 10, 1600, 196, 6
SMALLEST = 40
SPREAD = 0.8
"""Standard deviation of the logarithms of the clients' sizes beyond the smallest."""
CONCENTRATION = 0.5
"""Of the Dirichlet distribution of a client's classes."""


def federation() -> Federation:
    """Clients of 74 to 309 samples, each class a cluster of its own."""
    rng = np.random.default_rng(0)
    weight = np.exp(SPREAD * rng.standard_normal(CLIENTS))
    beyond = (SAMPLES - CLIENTS * SMALLEST) * weight / weight.sum()
    sizes = SMALLEST + np.floor(beyond).astype(np.int64)
    sizes[sizes.argmax()] += SAMPLES - sizes.sum()
    y = np.concatenate(
        [
            rng.choice(CLASSES, size, p=rng.dirichlet(np.full(CLASSES, CONCENTRATION)))
            for size in sizes
        ]
    )
    means = rng.standard_normal((CLASSES, FEATURES)) * 0.25
    x = (means[y] + rng.standard_normal((SAMPLES, FEATURES))).astype(np.float32)
    return Federation.from_arrays(x, y, np.repeat(np.arange(CLIENTS), sizes))


def main() -> None:
    """Print the seconds and what was advised."""
    torch.set_num_threads(1)
    clients = federation()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    began = _spent()
    advice = advise(clients, model="mlp", rounds=20)
    seconds = _spent() - began
    print(f"{seconds:.1f} CPU s{load}; {advice.method} {advice.hyperparameters}")
    print(f"race {advice.spent:,} gradients; digest {_digest(advice)}")


def _digest(advice: Advice) -> str:
    """The same for the same scores of all settings in all heats, and of the final test."""
    told = [
        [stage.name, [[one.contestant.label, one.score, one.loss] for one in stage.entries]]
        for stage in advice.stages
    ]
    text = json.dumps([told, advice.method, advice.measured.scores], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _spent() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
