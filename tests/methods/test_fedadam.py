"""FedAdam: its first steps, its recursions, and FedAvg where it does not adapt."""

import pytest
import torch

from adaptive_servers import (
    assert_fedavg_without_adaptation,
    assert_recursion,
    assert_rests_with_fedavg,
    one_round,
)
from contract import Contract
from unalike.methods import FedAdam

CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}


@pytest.mark.proof("fixed point", "the first step, from v = tau^2")
def test_first_step() -> None:
    w = one_round([0.3, -0.02, 0.0], FedAdam(lr=1.0, server_lr=0.1))
    torch.testing.assert_close(
        w, torch.tensor([0.096723, -0.061846, 0.0]).double(), atol=1e-6, rtol=0
    )


@pytest.mark.proof("fixed point", "from v = 0 the first step is eta delta / (|delta| + 10 tau)")
def test_first_step_from_nothing() -> None:
    """(1 - beta1) = sqrt(1 - beta2) for the defaults: the step is eta sign(delta), softened."""
    w = one_round([0.3, -0.02, 0.0], FedAdam(lr=1.0, v0=0))
    torch.testing.assert_close(
        w, torch.tensor([0.096774, -0.066667, 0.0]).double(), atol=1e-6, rtol=0
    )
    exact = [0.1 * d / (abs(d) + 0.01) for d in (0.3, -0.02, 0.0)]
    torch.testing.assert_close(w, torch.tensor(exact, dtype=torch.float64), **CLOSED)


@pytest.mark.proof("fixed point", "m, v and w of the first rounds, number by number")
def test_first_rounds() -> None:
    def next_v(v: float, delta: float) -> float:
        return 0.99 * v + 0.01 * delta**2

    assert_recursion(FedAdam, next_v)


@pytest.mark.proof("fixed point", "rests where FedAvg rests")
def test_rests_at_fedavgs_fixed_point() -> None:
    assert_rests_with_fedavg(FedAdam)


@pytest.mark.proof("limit", "beta1 = 0 and server_lr = tau to infinity is FedAvg")
def test_without_adaptation_it_is_fedavg() -> None:
    assert_fedavg_without_adaptation(FedAdam)
