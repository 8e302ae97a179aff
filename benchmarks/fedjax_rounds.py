"""W1 and W3 in fedjax, in an environment of its own: see `benchmarks/fedjax_comparison.py`.

    python benchmarks/fedjax_rounds.py w1|w3

Prints CPU and wall seconds of a round. fedjax 0.0.17 asks JAX for `tree_map` by a name that newer
JAX has dropped, so it is put back.
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from typing import Any, NamedTuple

import fedjax
import jax
import jax.numpy as jnp
import numpy as np

jax.tree_map = jax.tree_util.tree_map

from fedjax.algorithms import fed_avg  # noqa: E402

WARM, ROUNDS = 3, 20


class Work(NamedTuple):
    """Clients and rounds of one of the works."""

    widths: tuple[int, ...]
    clients: int
    samples: int
    cohort: int
    epochs: int


WORKS = {
    "w1": Work((784, 200, 10), 100, 50, 10, 5),
    "w3": Work((64, 32, 10), 1000, 20, 100, 2),
}
BATCH = 10


def loss(params: Any, batch: Any, key: Any) -> Any:
    """Cross-entropy of a perceptron, the mean over the batch."""
    h = batch["x"]
    for layer, (w, b) in enumerate(params):
        h = h @ w + b
        if layer < len(params) - 1:
            h = jax.nn.relu(h)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(h), batch["y"][:, None], 1))


def main(work: Work) -> None:
    """Time its rounds."""
    luck = np.random.default_rng(0)
    widths = work.widths
    clients = [
        fedjax.ClientDataset(
            {
                "x": luck.standard_normal((work.samples, widths[0])).astype(np.float32),
                "y": luck.integers(0, widths[-1], work.samples),
            }
        )
        for _ in range(work.clients)
    ]
    params = [
        (
            jnp.asarray(luck.uniform(-1, 1, (a, b)).astype(np.float32) / a**0.5),
            jnp.zeros(b, jnp.float32),
        )
        for a, b in pairwise(widths)
    ]
    algorithm = fed_avg.federated_averaging(
        jax.grad(loss),
        fedjax.optimizers.sgd(0.1),
        fedjax.optimizers.sgd(1.0),
        fedjax.ShuffleRepeatBatchHParams(batch_size=BATCH, num_epochs=work.epochs),
    )
    state = algorithm.init(params)
    for number in range(WARM + ROUNDS):
        if number == WARM:
            spent, began = time.process_time(), time.perf_counter()
        drawn = luck.choice(work.clients, work.cohort, replace=False)
        keys = jax.random.split(jax.random.PRNGKey(number), work.cohort)
        cohort = [(str(i).encode(), clients[i], key) for i, key in zip(drawn, keys, strict=True)]
        state, _ = algorithm.apply(state, cohort)
        jax.block_until_ready(state.params)
    cpu, wall = time.process_time() - spent, time.perf_counter() - began
    print(cpu / ROUNDS, wall / ROUNDS)


if __name__ == "__main__":
    main(WORKS[sys.argv[1]])
