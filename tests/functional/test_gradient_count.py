"""Gradients are counted per real sample, whatever the padding and the stacking."""

from typing import Any

import numpy as np
import pytest

from unalike.core import Method
from unalike.functional.gradient_count import count_gradients, gradient_cost, record_gradient
from unalike.methods import MEFL, UGA, FedAvg, Local, PerFedAvg, PFedMe, Scaffold
from worlds import SINGLE, STACKED, blobs

SIZES = np.asarray((12, 1, 30, 7, 20, 5))
N = int(SIZES.sum())
SPLIT = np.maximum(SIZES // 2, 1)
COSTS: list[tuple[Method, int]] = [
    (FedAvg(), 2 * N),
    (Local(solver="adam"), 2 * N),
    (Scaffold(option="II"), 2 * N),
    (Scaffold(option="I"), 3 * N),
    (PerFedAvg(hessian="none"), 4 * N),
    (PerFedAvg(hessian="difference"), 8 * N),
    (PerFedAvg(hessian="exact"), 8 * N),
    (PFedMe(inner_steps=3), 6 * N),
    (UGA(), 2 * N + N + 2 * 2 * N),
    (
        MEFL(inner_epochs=1),
        int(SPLIT.sum() * (1 + 3) + np.maximum(SIZES - SPLIT, 1).sum()),
    ),
]


@pytest.mark.parametrize(("method", "known"), COSTS)
@pytest.mark.parametrize("plan", [STACKED, SINGLE])
def test_cost(method: Method, known: int, plan: Any) -> None:
    (r,) = blobs(tuple(SIZES)).run(method, 1, batch_size=4, steps=2, plan=plan).history
    assert r.gradients == known


def test_only_clients_that_answer_cost() -> None:
    (r,) = blobs(tuple(SIZES)).run(FedAvg(), 1, batch_size=4, cohort=2).history
    assert r.gradients == SIZES[r.cohort.ids.numpy()].sum()


def test_blocks_nest() -> None:
    with count_gradients() as outer:
        with gradient_cost(3):
            record_gradient()
            with gradient_cost(5):
                record_gradient(2)
            record_gradient()
        with count_gradients() as inner, gradient_cost(7):
            record_gradient()
    assert (outer, inner) == ([16], [7])
