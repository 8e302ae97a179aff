"""FedAdagrad: its first steps, its recursions, and FedAvg where it does not adapt."""

import pytest
import torch

from adaptive_servers import (
    assert_fedavg_without_adaptation,
    assert_recursion,
    assert_rests_with_fedavg,
    one_round,
)
from contract import Contract
from unalike.methods import FedAdagrad
from worlds import blobs

CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}


@pytest.mark.proof("fixed point", "the first step, from v = tau^2")
def test_first_step() -> None:
    w = one_round([0.3, -0.02, 0.0], FedAdagrad(lr=1.0, server_lr=0.1))
    torch.testing.assert_close(
        w, torch.tensor([0.099667, -0.095125, 0.0]).double(), atol=1e-6, rtol=0
    )


@pytest.mark.proof("invariant", "v is v0 tau^2 plus all squared mean updates")
def test_second_moment_only_grows() -> None:
    outcome = blobs().run(FedAdagrad(v0=2), 4, batch_size=4, cohort=3)
    squares = sum(r.cohort.mean(r.ups) ** 2 for r in outcome.history)
    torch.testing.assert_close(outcome.server.v, 2e-6 + squares, **CLOSED)


@pytest.mark.proof("fixed point", "m, v and w of the first rounds, number by number")
def test_first_rounds() -> None:
    def next_v(v: float, delta: float) -> float:
        return v + delta**2

    assert_recursion(FedAdagrad, next_v)


@pytest.mark.proof("fixed point", "rests where FedAvg rests")
def test_rests_at_fedavgs_fixed_point() -> None:
    assert_rests_with_fedavg(FedAdagrad)


@pytest.mark.proof("limit", "beta1 = 0 and server_lr = tau to infinity is FedAvg")
def test_without_adaptation_it_is_fedavg() -> None:
    assert_fedavg_without_adaptation(FedAdagrad)
