"""Centralised: gradient descent on the pooled data."""

import numpy as np
import pytest
import torch

from contract import Contract
from unalike.methods import Centralised, FedAvg
from worlds import blobs, pooled, quadratics

CONTRACT = Contract(down=1, up=1, pooled=True)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}


@pytest.mark.proof("fixed point", "the optimum of the pooled samples, sum n a c / sum n a")
def test_pooled_optimum() -> None:
    world = pooled(quadratics([0.5, 2, 5], [0, 1, -2], sizes=[2, 3, 5]))
    w = world.run(Centralised(lr=0.2), 40, steps=3).server
    n, a, c = np.asarray([2, 3, 5]), np.asarray([0.5, 2, 5]), np.asarray([0, 1, -2])
    assert float(w) == pytest.approx((n * a * c).sum() / (n * a).sum(), abs=1e-9)
    assert float(w) == pytest.approx(-1.375, abs=1e-9)


@pytest.mark.proof("fixed point", "w* + (1 - eta a)^(rounds E) (w_0 - w*), a the mean curvature")
def test_rate() -> None:
    world = pooled(quadratics([1, 4], [0, 1], sizes=[3, 1], start=2.0))
    history = world.run(Centralised(lr=0.1), 3, steps=2).history
    curvature, best = 7 / 4, 4 / 7
    for r in history:
        exact = best + (1 - 0.1 * curvature) ** (2 * r.t) * (2 - best)
        assert float(r.server) == pytest.approx(exact, abs=1e-9)


@pytest.mark.proof("limit", "torch.optim on the pooled samples gives the same model")
@pytest.mark.parametrize("beta", [0.0, 0.8])
def test_torch_optim(beta: float) -> None:
    world = pooled(blobs())
    solver = f"momentum:{beta}" if beta else "sgd"
    outcome = world.run(Centralised(lr=0.1, solver=solver), 1, steps=5)
    own = world.federation.train.values
    w = outcome.engine.w.clone().requires_grad_()
    optimiser = torch.optim.SGD([w], lr=0.1, momentum=beta)
    for _ in range(5):
        optimiser.zero_grad()
        logits = world.problem.logits(w, world.federation.x[own])
        torch.nn.functional.cross_entropy(logits, world.federation.y[own]).backward()
        optimiser.step()
    torch.testing.assert_close(outcome.server, w.detach(), **CLOSED)


@pytest.mark.proof("limit", "FedAvg with one client who holds everything")
def test_fedavg_of_one() -> None:
    world = pooled(blobs())
    central = world.run(Centralised(lr=0.2), 3, batch_size=8).server
    torch.testing.assert_close(central, world.run(FedAvg(lr=0.2), 3, batch_size=8).server, **CLOSED)


@pytest.mark.proof("invariant", "everybody predicts with the one model, and it trains pooled")
def test_one_model() -> None:
    outcome = pooled(blobs()).run(Centralised(), 2, batch_size=8)
    assert Centralised.pooled
    assert torch.equal(outcome.personal()[0], outcome.server)
    assert torch.equal(Centralised().global_model(outcome.server), outcome.server)
    assert Centralised().displacement(outcome.history[-1].ups) is None
