"""FedAdagrad: its first steps, its recursions, and FedAvg where it does not adapt."""

import pytest
import torch
from torch import Tensor

from contract import Contract
from unalike.methods import FedAdagrad, FedAvg
from worlds import blobs, quadratics

CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}


def one_round(delta: list[float], method: FedAdagrad) -> Tensor:
    """Where one round leads from 0 when the only client's update is this."""
    p = torch.eye(len(delta), dtype=torch.float64)
    return quadratics([p], [delta]).run(method, 1).server.w


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
    method = FedAdagrad(lr=0.1, server_lr=0.2, beta1=0.8, v0=4, tau=0.1)
    history = quadratics([1, 4], [0, 1], start=3.0).run(method, 8, steps=5).history
    contraction = (0.9**5 + 0.6**5) / 2
    centre = (1 - 0.6**5) / (2 - 0.9**5 - 0.6**5)
    w, m, v = 3.0, 0.0, 0.04
    for round_ in history:
        delta = (contraction - 1) * (w - centre)
        m = 0.8 * m + 0.2 * delta
        v = v + delta**2
        w += 0.2 * m / (v**0.5 + 0.1)
        assert float(round_.server.w) == pytest.approx(w, abs=1e-9)
        assert float(round_.server.v) == pytest.approx(v, abs=1e-9)


@pytest.mark.proof("fixed point", "rests where FedAvg rests")
def test_rests_at_fedavgs_fixed_point() -> None:
    start = (1 - 0.6**5) / (2 - 0.9**5 - 0.6**5)
    w = quadratics([1, 4], [0, 1], start=start).run(FedAdagrad(lr=0.1), 3, steps=5).server.w
    assert float(w) == pytest.approx(0.6925023465, abs=1e-9)


@pytest.mark.proof("limit", "beta1 = 0 and server_lr = tau to infinity is FedAvg")
def test_without_adaptation_it_is_fedavg() -> None:
    world = blobs()
    method = FedAdagrad(beta1=0, server_lr=1e9, tau=1e9, v0=0)
    w = world.run(method, 3, batch_size=4, cohort=4).server.w
    known = world.run(FedAvg(), 3, batch_size=4, cohort=4).server
    torch.testing.assert_close(w, known, atol=1e-8, rtol=0)
    assert not torch.equal(known, world.problem.init())
