"""How much memory a run will take, before it takes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from unalike.core import Method, Population, Problem
from unalike.core.local_work import LocalWork
from unalike.data.federation import Federation
from unalike.errors import InputError
from unalike.functional.trees import map_tree, size_in_bytes

from .local_progress import LocalProgress
from .machine import total_memory
from .personal_prediction import BLOCK_NUMBERS
from .plan import Plan
from .prediction import at_once

VECTORS, COPIES = 4, 2
"""What a client at work holds beside its messages and its state: vectors of P numbers, and copies
of these messages; measured, see `benchmarks/memory.py`."""
INNER = 2
"""Further vectors where clients keep nothing and make a model of their own anew."""
SOLVED = 8
"""Further vectors where a client solves a problem of its own in each step: points and gradients."""
PAGE = 4096
"""Bytes that the system hands out at once."""
COUNTS = 60
"""Bytes that each client takes for its weight, its stream and the like, whatever the method."""
JUDGED = 120
"""Bytes that the measures take for each number that is put out for a sample."""
WRITTEN = 2
"""Copies of clients' own models while they are written."""
PROBED, PROBE = 100, 5
"""Clients whose gradients are taken at a look, and how often these are held."""


def predict_memory(
    method: Method,
    problem: Problem,
    federation: Federation,
    plan: Plan,
    *,
    cohort: int,
    batch_size: int,
    work: LocalWork,
    rounds: int,
    evaluated: bool = True,
) -> int:
    """Bytes that a run takes at its peak beside what its process holds before.

    States of the clients that will have trained and the server stay; to them comes what takes most
    of a round's work, a checkpoint, a look at all clients, and the models that are kept.

    Methods that trace their path (exact meta-gradients) hold one more vector for each step, which
    is not counted.

    evaluated: whether there is more than rounds.
    """
    w = problem.init()
    n = int((~federation.newcomers).sum())
    progress = LocalProgress(method, problem, w, work)
    state = size_in_bytes(progress.fresh(method.init_client(problem, w), w))
    trained = n * (1 - (1 - cohort / n) ** rounds)
    states = round(min(n * state, trained * (state + (PAGE if state else 0))))
    server = _server_bytes(method, problem, w, n)
    vector = w.numel() * w.element_size()
    messages = 2 * size_in_bytes(_down(method, problem, w))  # down, and as much up
    makes_own = not state and type(_innermost(method)).personalise is not Method.personalise
    at_once = plan.threads * (plan.chunk if plan.mode == "stacked" else 1)
    size = min(batch_size, int(federation.train.sizes.max(initial=1)))
    at_work = min(at_once, cohort) * (
        (VECTORS + INNER * makes_own + SOLVED * (_innermost(method).unsolved is not None)) * vector
        + COPIES * messages
        + 2 * size * _outputs(problem, federation.x[:1]) * w.element_size()
    )
    in_turn = [2 * server + cohort * (messages + state) + at_work]
    if evaluated:
        changed = round(trained * state)
        in_turn.append(2 * changed + 3 * server)
        in_turn.append(_look_bytes(problem, federation, vector, n, cohort))
        in_turn.append(WRITTEN * vector * round(trained if state else n * makes_own))
    return states + n * COUNTS + server + max(in_turn)


def _innermost(method: Any) -> Method:
    """The method without what is around it: privacy, robust rules and buffers hold as much."""
    while not isinstance(method, Method):
        method = method.method
    return method


def _look_bytes(problem: Problem, federation: Federation, vector: int, n: int, cohort: int) -> int:
    """What a look at all clients takes: a block of models, their answers, gradients."""
    block = min(n * vector, 4 * BLOCK_NUMBERS)
    samples = len(federation.x_test) + int(federation.validation.sizes.sum())
    answers = samples * max(1, federation.classes) * JUDGED
    layers = min(samples, at_once(federation.x)) * _outputs(problem, federation.x[:1]) * 4
    return max(3 * block + layers, PROBE * min(PROBED, cohort) * vector) + answers


def require_memory(needed: int, what: str) -> None:
    """Whether a machine of this size can hold that many bytes, whatever else it does just now.

    Raises:
        InputError: it cannot.
    """
    total = total_memory()
    if total is not None and needed > total:
        raise InputError(
            f"{what} would need about {_readable(needed)} of memory and this machine has "
            f"{_readable(total)}; take fewer clients, a smaller cohort, a smaller --chunk or a "
            "smaller model."
        )


def _readable(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _server_bytes(method: Method, problem: Problem, w: Tensor, n: int) -> int:
    """The server's state for n clients, at most quadratic in n, told from small populations."""
    few = np.arange(4, 7)
    if n <= few[-1]:
        return size_in_bytes(method.init_server(problem, w, _population(n, w)))
    sizes = [
        size_in_bytes(method.init_server(problem, w, _population(int(count), w))) for count in few
    ]
    return round(float(np.polyval(np.polyfit(few, sizes, 2), n)))


def _population(n: int, w: Tensor) -> Population:
    return Population(n, torch.full((n,), 1 / max(1, n), dtype=w.dtype))


def _down(method: Method, problem: Problem, w: Tensor) -> Any:
    server = method.init_server(problem, w, _population(4, w))
    return map_tree(lambda leaf: leaf, method.broadcast(server, torch.tensor(0)))


def _outputs(problem: Problem, x: Tensor) -> int:
    """Numbers that the layers put out for one sample: what a gradient keeps of it."""
    if getattr(problem, "module", None) is None or not len(x):
        return x[0].numel() if len(x) else 0
    counts: list[int] = []

    def count(_: nn.Module, __: Any, output: Any) -> None:
        counts.extend(part.numel() for part in tree_leaves(output) if isinstance(part, Tensor))

    with torch.no_grad(), problem.hooked(count):
        problem.logits(problem.init(), x)
    return sum(counts)
