"""APFL against hand-written rounds, FedAvg and Local."""

import numpy as np
import pytest
import torch

from contract import Contract
from unalike.methods import APFL, FedAvg, Local
from unalike.methods.apfl import Client
from worlds import ROUNDING, SINGLE, STACKED, blobs, quadratics

CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
A, C, SIZES = np.asarray([1.0, 4.0, 2.0]), np.asarray([0.0, 1.0, -2.0]), [1, 2, 3]


@pytest.mark.proof("fixed point", "alpha v + (1 - alpha) w = c, w the optimum of the mean loss")
def test_fixed_point() -> None:
    method = APFL(lr=0.3, personal_lr=0.8, alpha=0.6, alpha_lr=0.0)
    done = quadratics(A, C, sizes=SIZES).run(method, 120)
    weight = np.asarray(SIZES) * A
    w = (weight * C).sum() / weight.sum()
    assert float(done.server) == pytest.approx(w, abs=1e-9)
    exact = torch.from_numpy((C - 0.4 * w) / 0.6)[:, None]
    torch.testing.assert_close(done.states.v, exact, **CLOSED)
    torch.testing.assert_close(done.personal(), torch.from_numpy(C)[:, None], **CLOSED)


@pytest.mark.proof("fixed point", "three rounds of two steps each, written out by hand")
def test_rounds_by_hand() -> None:
    method = APFL(lr=0.1, personal_lr=0.2, alpha=0.3, alpha_lr=0.05)
    done = quadratics(A, C, sizes=SIZES, start=3.0).run(method, 3, steps=2)
    server, v, alpha = 3.0, np.full(3, 3.0), np.full(3, 0.3)
    for _ in range(3):
        w = np.full(3, server)
        moved = alpha
        for k in range(2):
            slope = A * (alpha * v + (1 - alpha) * w - C)
            if k == 0:
                moved = np.clip(alpha - 0.05 * (v - w) * slope, 0, 1)
            w, v, alpha = w - 0.1 * A * (w - C), v - 0.2 * alpha * slope, moved
        server = (np.asarray(SIZES) / 6 * w).sum()
    assert float(done.server) == pytest.approx(server, abs=1e-12)
    torch.testing.assert_close(done.states.v[:, 0], torch.from_numpy(v), **CLOSED)
    torch.testing.assert_close(done.states.alpha, torch.from_numpy(alpha), **CLOSED)
    assert (done.states.alpha != 0.3).all()
    mixed = torch.from_numpy(alpha * v + (1 - alpha) * server)
    torch.testing.assert_close(done.personal()[:, 0], mixed, **CLOSED)


@pytest.mark.proof("limit", "the shared model is FedAvg's")
@pytest.mark.parametrize("solver", ["sgd", "momentum:0.9"])
def test_the_shared_model_is_fedavg(solver: str) -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4, "dropout": 0.2}
    one, other = (blobs().run(m(solver=solver), 4, **options) for m in (APFL, FedAvg))
    for a, b in zip(one.history, other.history, strict=True):
        torch.testing.assert_close(a.server, b.server, **ROUNDING)


@pytest.mark.proof("limit", "alpha = 0 predicts with FedAvg's model")
def test_alpha_zero() -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4}
    method = APFL(alpha=0.0, alpha_lr=0.0)
    one, other = (blobs().run(m, 4, **options) for m in (method, FedAvg()))
    torch.testing.assert_close(one.personal(), other.personal(), **ROUNDING)
    assert method.vacuous(one.engine.problem)
    assert APFL().vacuous(one.engine.problem) is None


@pytest.mark.proof("limit", "alpha = 1 is Local")
def test_alpha_one() -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4}
    one, other = (blobs().run(m, 4, **options) for m in (APFL(alpha=1, alpha_lr=0), Local()))
    torch.testing.assert_close(one.states.v, other.states.w, **ROUNDING)
    torch.testing.assert_close(one.personal(), other.personal(), **ROUNDING)


@pytest.mark.proof("invariant", "alpha moves by the derivative of the loss at the mixture")
def test_the_derivative_by_alpha() -> None:
    world = blobs((9, 14, 6))
    engine = world.engine(APFL(alpha_lr=1e-3, alpha=0.4))
    generator = np.random.default_rng(0)
    v = torch.from_numpy(generator.normal(size=(3, len(engine.w)))) / 3
    engine.restore(Client(v.clone(), torch.full((3,), 0.4, dtype=torch.float64)))
    w = engine.w
    engine.train(1, np.arange(3), w.expand(3, -1))
    f, problem = world.federation, engine.problem
    for i in range(3):
        rows = f.train.rows(i)

        def loss(alpha: float, i: int = i, rows: np.ndarray = rows) -> float:
            logits = problem.logits(alpha * v[i] + (1 - alpha) * w, f.x[rows])
            return float(problem.sample_losses(logits, f.y[rows]).mean())

        slope = (loss(0.4 + 1e-5) - loss(0.4 - 1e-5)) / 2e-5
        assert abs(slope) > 1e-3
        moved = float(engine.states.alpha[i]) - 0.4
        assert moved == pytest.approx(-1e-3 * slope, rel=1e-6)


@pytest.mark.proof("invariant", "alpha moves once a round for clients of any sizes")
def test_alpha_has_one_turn_however_many_steps_the_others_take() -> None:
    alone, stacked = (
        blobs().run(APFL(), 2, batch_size=4, plan=plan).states.alpha for plan in (SINGLE, STACKED)
    )
    torch.testing.assert_close(stacked, alone, **CLOSED)
    assert (alone != 0.5).sum() > 3


@pytest.mark.proof("invariant", "alpha stays in [0, 1]")
def test_alpha_is_clipped() -> None:
    done = blobs().run(APFL(alpha_lr=1e3), 4, batch_size=4)
    assert set(done.states.alpha.tolist()) <= {0.0, 0.5, 1.0}
    assert {0.0, 1.0} & set(done.states.alpha.tolist())


@pytest.mark.proof("fixed point", "a new client starts both models at w and mixes with w")
def test_newcomers() -> None:
    method = APFL(lr=0.1, personal_lr=0.2, alpha=0.3, alpha_lr=0.0, adapt_epochs=2)
    done = quadratics(A, C, sizes=SIZES, newcomers=[1]).run(method, 4)
    server = w = v = float(done.server)
    for _ in range(2):
        slope = 4 * (0.3 * v + 0.7 * w - 1)
        w, v = w - 0.1 * 4 * (w - 1), v - 0.2 * 0.3 * slope
    exact = 0.3 * v + 0.7 * server
    assert float(done.engine.adapt(4, done.server)) == pytest.approx(exact, abs=1e-12)
