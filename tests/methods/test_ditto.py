"""Ditto against its closed forms, FedAvg, Local and the published point estimation."""

import numpy as np
import pytest
import torch
from scipy.linalg import hadamard

from contract import Contract
from unalike.methods import Ditto, FedAvg, Local
from worlds import blobs, quadratics

CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
A, C, SIZES = np.asarray([1.0, 4.0, 2.0]), np.asarray([0.0, 1.0, -2.0]), [1, 2, 3]


@pytest.mark.proof("fixed point", "v = (a c + lambda w) / (a + lambda), w FedAvg's fixed point")
@pytest.mark.parametrize("lam", [0.5, 2.0])
def test_fixed_point(lam: float) -> None:
    done = quadratics(A, C, sizes=SIZES).run(Ditto(lr=0.2, lam=lam), 60, steps=3)
    weight = np.asarray(SIZES) * (1 - (1 - 0.2 * A) ** 3)
    w = (weight * C).sum() / weight.sum()
    exact = torch.from_numpy((A * C + lam * w) / (A + lam))[:, None]
    torch.testing.assert_close(done.personal(), exact, **CLOSED)


@pytest.mark.proof("fixed point", "one round: towards v* of the broadcast w at (1 - eta (a + l))^K")
def test_one_round() -> None:
    world = quadratics(A, C, sizes=SIZES, start=3.0)
    method = Ditto(lr=0.2, personal_lr=0.05, lam=1.5, personal_epochs=4)
    first, second = world.run(method, 1, steps=2), world.run(method, 2, steps=2)
    best = (A * C + 1.5 * 3) / (A + 1.5)
    v = best + (1 - 0.05 * (A + 1.5)) ** 4 * (3 - best)
    torch.testing.assert_close(first.states.v[:, 0], torch.from_numpy(v), **CLOSED)
    best = (A * C + 1.5 * float(first.server)) / (A + 1.5)
    v = best + (1 - 0.05 * (A + 1.5)) ** 4 * (v - best)
    torch.testing.assert_close(second.states.v[:, 0], torch.from_numpy(v), **CLOSED)


@pytest.mark.proof("limit", "the shared model is FedAvg's, bit for bit")
@pytest.mark.parametrize("solver", ["sgd", "momentum:0.9", "adam"])
def test_the_shared_model_is_fedavg(solver: str) -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4, "dropout": 0.2}
    mine = Ditto(solver=solver, lam=0.7, personal_lr=0.03, personal_epochs=3)
    one, other = (blobs().run(m, 4, **options) for m in (mine, FedAvg(solver=solver)))
    for a, b in zip(one.history, other.history, strict=True):
        assert torch.equal(a.server, b.server)
        assert torch.equal(a.ups, b.ups)


@pytest.mark.proof("limit", "lambda = 0 is Local, bit for bit")
def test_no_pull() -> None:
    world = quadratics(A, C, start=3.0)
    one, other = (world.run(m, 4, steps=3, cohort=2) for m in (Ditto(lam=0), Local()))
    assert torch.equal(one.states.v, other.states.w)
    assert Ditto(lam=0).vacuous(world.problem)
    assert Ditto().vacuous(world.problem) is None


@pytest.mark.proof("limit", "lambda -> infinity: every personal model is the broadcast w")
def test_infinite_pull() -> None:
    world = quadratics(A, C, sizes=SIZES, start=3.0)
    gaps = []
    for lam in (1e3, 1e6):
        done = world.run(Ditto(lam=lam, personal_lr=1 / lam), 5, steps=2)
        broadcast = done.history[-2].server
        gaps.append(float((done.personal() - broadcast).abs().max()))
    assert gaps[1] < 1e-5
    assert gaps[1] == pytest.approx(gaps[0] / 1e3, rel=0.05)


@pytest.mark.proof("fixed point", "a new client solves against w, from w")
def test_newcomers() -> None:
    world = quadratics(A, C, sizes=SIZES, newcomers=[1])
    done = world.run(Ditto(lam=2.0, personal_lr=0.1, adapt_epochs=3), 4)
    w = float(done.server)
    best = (4 * 1 + 2 * w) / 6
    exact = best + (1 - 0.1 * 6) ** 3 * (w - best)
    assert float(done.engine.adapt(4, done.server)) == pytest.approx(exact, abs=1e-12)


@pytest.mark.proof("invariant", "personal models of absent clients rest")
def test_the_absent() -> None:
    done = blobs().run(Ditto(), 1, cohort=2, batch_size=4)
    moved = (done.states.v != done.engine.w).any(1)
    assert moved.nonzero()[:, 0].tolist() == done.history[0].cohort.ids.tolist()


SIGMA, N, TAU, K = 0.8, 30, 0.1, 8


def mean_squared_error(lam: float) -> float:
    """Mean of (v_i - mu_i)^2 over 16 replicas whose 16 random effects are exactly orthonormal.

    Client i sees mean x_i = mu_i + sigma/sqrt(n) e_i of its n samples, and mu_i = tau u_i; v is
    linear in (u, e), so the mean over the replicas is the expectation, without sampling error.
    """
    effects = torch.from_numpy(hadamard(2 * K)).double()
    mu = TAU * effects[:K]
    means = mu + SIGMA / np.sqrt(N) * effects[K:]
    world = quadratics([torch.eye(2 * K)] * K, means)
    done = world.run(Ditto(lr=1.0, lam=lam, personal_lr=1 / (1 + lam)), 2)
    return float((done.personal() - mu).square().mean())


@pytest.mark.proof("fixed point", "point estimation: the published error at each lambda")
@pytest.mark.parametrize(
    ("lam", "known"),
    [(0.0, 0.0213333), (0.5, 0.0119352), (1.0, 0.0095208), (2.1333, 0.0086241), (5.0, 0.0092616)],
)
def test_point_estimation(lam: float, known: float) -> None:
    s, a = SIGMA**2 / N, 1 / (1 + lam)
    exact = a**2 * s + 2 * a * (1 - a) * s / K + (1 - a) ** 2 * (s / K + TAU**2 * (1 - 1 / K))
    found = mean_squared_error(lam)
    assert found == pytest.approx(exact, abs=1e-12)
    assert found == pytest.approx(known, abs=1e-7)


@pytest.mark.proof("fixed point", "the best lambda of point estimation is sigma^2 / (n tau^2)")
def test_best_lambda() -> None:
    best = SIGMA**2 / (N * TAU**2)
    assert best == pytest.approx(2.1333, abs=1e-4)
    at_best = mean_squared_error(best)
    assert at_best < min(mean_squared_error(best * 0.98), mean_squared_error(best * 1.02))
    assert mean_squared_error(1e6) == pytest.approx(0.0114166, abs=1e-6)
