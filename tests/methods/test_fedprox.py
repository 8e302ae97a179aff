"""FedProx against its closed forms on quadratics."""

import numpy as np
import pytest
import torch

from contract import Contract
from unalike.methods import FedAvg, FedProx
from worlds import ROUNDING, blobs, fixed_point, quadratics

CONTRACT = Contract(down=1, up=1)


@pytest.mark.proof("limit", "mu = 0 is FedAvg")
@pytest.mark.parametrize("solver", ["sgd", "momentum:0.9", "adam"])
def test_mu_zero_is_fedavg(solver: str) -> None:
    prox = blobs().run(FedProx(lr=0.05, mu=0.0, solver=solver), 3, batch_size=4, steps=2).server
    plain = blobs().run(FedAvg(lr=0.05, solver=solver), 3, batch_size=4, steps=2).server
    torch.testing.assert_close(prox, plain, **ROUNDING)


@pytest.mark.proof("fixed point", "exact local solve: sum p c b / sum p c, c = a / (a + mu)")
@pytest.mark.parametrize(
    ("mu", "known"),
    [(0.01, 0.501863354), (1.0, 0.615384615), (10.0, 0.758620690), (1000.0, 0.799520767)],
)
def test_exact_proximal_solve(mu: float, known: float) -> None:
    w = fixed_point(FedProx(lr=1 / (4 + mu), mu=mu), [1, 4], [0, 1], steps=150)
    c = np.asarray([1 / (1 + mu), 4 / (4 + mu)])
    assert w == pytest.approx(c[1] / c.sum(), abs=1e-9)
    assert w == pytest.approx(known, abs=1e-9)


@pytest.mark.proof("fixed point", "E steps: c = (1 - (1 - eta h)^E) a / h, h = a + mu")
@pytest.mark.parametrize(
    ("mu", "known"), [(0.0, 0.748236808), (1.0, 0.748739510), (10.0, 0.761573307)]
)
def test_inexact_solve(mu: float, known: float) -> None:
    w = fixed_point(FedProx(lr=0.05, mu=mu), [1, 4], [0, 1], steps=5)
    a = np.asarray([1.0, 4.0])
    h = a + mu
    c = (1 - (1 - 0.05 * h) ** 5) * a / h
    assert w == pytest.approx(c[1] / c.sum(), abs=1e-9)
    assert w == pytest.approx(known, abs=1e-9)


@pytest.mark.proof("fixed point", "one local step finds the optimum for every mu")
@pytest.mark.parametrize("mu", [0.0, 0.5, 10.0, 1000.0])
def test_one_step(mu: float) -> None:
    w = fixed_point(FedProx(lr=0.05, mu=mu), [1, 4], [0, 1], steps=1)
    assert w == pytest.approx(0.8, abs=1e-9)


@pytest.mark.proof("fixed point", "weights are the clients' sizes")
def test_weighted() -> None:
    method = FedProx(lr=0.1, mu=2.0)
    w = fixed_point(method, [0.5, 2, 5], [0, 1, -2], sizes=[2, 3, 5], steps=4)
    a, b, p = np.asarray([0.5, 2, 5]), np.asarray([0, 1, -2]), np.asarray([0.2, 0.3, 0.5])
    c = p * (1 - (1 - 0.1 * (a + 2)) ** 4) * a / (a + 2)
    assert w == pytest.approx((c * b).sum() / c.sum(), abs=1e-9)


@pytest.mark.proof("fixed point", "under momentum the proximal term is part of the gradient")
def test_momentum() -> None:
    world = quadratics([2], [1], start=3.0)
    w = world.run(FedProx(lr=0.1, mu=0.7, solver="momentum:0.9"), 1, steps=6).server
    y, v = 3.0, 0.0
    for _ in range(6):
        v = 0.9 * v + 2 * (y - 1) + 0.7 * (y - 3)
        y -= 0.1 * v
    assert float(w) == pytest.approx(y, abs=1e-12)


@pytest.mark.proof("invariant", "a larger mu keeps every client nearer to the broadcast model")
def test_mu_holds_back() -> None:
    moved = [
        blobs().run(FedProx(mu=mu), 1, batch_size=4, steps=3).history[0].ups.norm(dim=1)
        for mu in (0.0, 0.1, 1.0, 5.0)
    ]
    for nearer, farther in zip(moved[1:], moved, strict=False):
        assert (nearer < farther).all()


@pytest.mark.proof("invariant", "mu = 0 is said to be FedAvg")
def test_vacuous() -> None:
    problem = blobs().problem
    assert "FedAvg" in (FedProx(mu=0.0).vacuous(problem) or "")
    assert FedProx(mu=0.1).vacuous(problem) is None
