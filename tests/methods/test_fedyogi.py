"""FedYogi: its first steps, its recursions, and FedAvg where it does not adapt."""

import pytest
import torch

from adaptive_servers import (
    assert_fedavg_without_adaptation,
    assert_recursion,
    assert_rests_with_fedavg,
    one_round,
)
from contract import Contract
from unalike.methods import FedYogi
from worlds import quadratics

CONTRACT = Contract(down=1, up=1)


@pytest.mark.proof("fixed point", "the first step, from v = tau^2")
def test_first_step() -> None:
    w = one_round([0.3, -0.02, 0.0], FedYogi(lr=1.0, server_lr=0.1))
    torch.testing.assert_close(
        w, torch.tensor([0.096722, -0.061803, 0.0]).double(), atol=1e-6, rtol=0
    )


@pytest.mark.proof("invariant", "v moves by (1 - beta2) delta^2 at most, towards delta^2")
def test_second_moment_moves_by_bounded_steps() -> None:
    history = quadratics([1, 4], [0, 1], start=3.0).run(FedYogi(v0=1e6), 3).history
    v = [1.0, *(float(r.server.v) for r in history)]
    delta = [float(r.cohort.mean(r.ups)) for r in history]
    for before, after, d in zip(v[:-1], v[1:], delta, strict=True):
        assert after == pytest.approx(
            before + (0.01 if d * d > before else -0.01) * d * d, abs=1e-12
        )


@pytest.mark.proof("fixed point", "m, v and w of the first rounds, number by number")
def test_first_rounds() -> None:
    def next_v(v: float, delta: float) -> float:
        return v + 0.01 * delta**2 if delta**2 > v else v - 0.01 * delta**2

    assert_recursion(FedYogi, next_v)


@pytest.mark.proof("fixed point", "rests where FedAvg rests")
def test_rests_at_fedavgs_fixed_point() -> None:
    assert_rests_with_fedavg(FedYogi)


@pytest.mark.proof("limit", "beta1 = 0 and server_lr = tau to infinity is FedAvg")
def test_without_adaptation_it_is_fedavg() -> None:
    assert_fedavg_without_adaptation(FedYogi)
