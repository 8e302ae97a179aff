"""FedRep: the head first, then the body under it."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from contract import Contract
from partial_worlds import parted
from unalike.core import Layout, Problem
from unalike.methods import FedAvg, FedRep, Local
from worlds import ROUNDING, World, blobs, federation

CONTRACT = Contract(down=lambda problem: 56, up=lambda problem: 56)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
SIZES = [1, 2, 3]
A, B, D = np.asarray([1.0, 2.0, 3.0]), np.asarray([0.5, -0.8, 0.2]), np.asarray([1.0, 1.5, 0.7])
CENTRES = np.asarray([[0.0, 2.0], [1.0, -1.0], [-2.0, 5.0]])
START = [0.4, 0.7]


def coupled(**options: object) -> World:
    """Losses 1/2 (w - c)' [[a, b], [b, d]] (w - c) of body and head."""
    matrices = [torch.tensor([[A[i], B[i]], [B[i], D[i]]]) for i in range(3)]
    return parted(matrices, CENTRES, sizes=SIZES, start=START, **options)


def fitted(s: float, h: float, steps: int, lr: float) -> np.ndarray:
    """All heads after `steps` of gradient descent from h, the body at s."""
    best = CENTRES[:, 1] - B / D * (s - CENTRES[:, 0])
    return best + (1 - lr * D) ** steps * (h - best)


@pytest.mark.proof("fixed point", "sum p (1 - (1 - eta a)^E)(1 - b^2 / (a d))(s - c) = 0")
def test_fixed_point() -> None:
    method = FedRep(lr=0.3, head_lr=0.6, head_epochs=3, body_epochs=4)
    done = coupled().run(method, 50)
    weight = np.asarray(SIZES) * (1 - (1 - 0.3 * A) ** 4) * (1 - B * B / (A * D))
    s = (weight * CENTRES[:, 0]).sum() / weight.sum()
    h = CENTRES[:, 1] - B / D * (s - CENTRES[:, 0])
    exact = torch.from_numpy(np.stack([np.full(3, s), h], 1))
    torch.testing.assert_close(done.personal(), exact, **CLOSED)


@pytest.mark.proof("fixed point", "one round: K head steps at s, then E body steps at the new head")
def test_one_round() -> None:
    done = coupled().run(FedRep(lr=0.1, head_lr=0.2, head_epochs=3, body_epochs=2), 1)
    h = fitted(START[0], START[1], 3, 0.2)
    best = CENTRES[:, 0] - B / A * (h - CENTRES[:, 1])
    s = best + (1 - 0.1 * A) ** 2 * (START[0] - best)
    mean = (np.asarray(SIZES) / 6 * s).sum()
    assert float(done.server) == pytest.approx(mean, abs=1e-12)
    torch.testing.assert_close(done.states.h[:, 0], torch.from_numpy(h), **CLOSED)


@pytest.mark.proof("limit", "body_epochs = 0 takes the study's local epochs")
def test_epochs_of_the_body() -> None:
    one = coupled().run(FedRep(body_epochs=0), 2, steps=3)
    other = coupled().run(FedRep(body_epochs=3), 2, steps=1)
    assert torch.equal(one.personal(), other.personal())


@pytest.mark.proof("fixed point", "a new client fits its head for adapt_epochs, the body frozen")
def test_newcomers() -> None:
    method = FedRep(lr=0.1, head_lr=0.2, adapt_epochs=4)
    done = coupled(newcomers=[1]).run(method, 5)
    model = done.engine.adapt(5, done.server)[0]
    assert torch.equal(model[:1], done.server)
    h = fitted(float(done.server), START[1], 4, 0.2)[1]
    assert float(model[1]) == pytest.approx(h, abs=1e-12)


@pytest.mark.proof("invariant", "each phase moves its own part alone, also under momentum")
@pytest.mark.parametrize("solver", ["sgd", "momentum:0.9", "adam"])
def test_freezing(solver: str) -> None:
    usual = blobs().run(FedRep(solver=solver), 0)
    heads = blobs().run(FedRep(lr=0, solver=solver), 2, batch_size=4)
    bodies = blobs().run(FedRep(head_epochs=0, solver=solver), 2, batch_size=4)
    assert torch.equal(heads.server, usual.server)
    assert not torch.equal(heads.states.h, usual.states.h)
    assert torch.equal(bodies.states.h, usual.states.h)
    assert not torch.equal(bodies.server, usual.server)


@pytest.mark.proof("limit", "nothing private is FedAvg, bit for bit")
@pytest.mark.parametrize("solver", ["momentum:0.9", "adam"])
def test_nothing_private(solver: str) -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4, "dropout": 0.2}
    one = blobs().run(FedRep(private="none", solver=solver), 3, **options)
    other = blobs().run(FedAvg(solver=solver), 3, **options)
    assert torch.equal(one.server, other.server)


@pytest.mark.proof("limit", "everything private is Local with head_epochs")
def test_everything_private() -> None:
    one = coupled().run(FedRep(private="all", head_epochs=3, head_lr=0.2), 4)
    other = coupled().run(Local(lr=0.2), 4, steps=3)
    torch.testing.assert_close(one.states.h, other.states.w, **ROUNDING)


def rank_one(clients: int = 6, features: int = 5) -> tuple[World, Tensor]:
    """y = h_i B'x without noise, white x; the body is B, the head h_i. Also the true B."""
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.normal(size=features))
    x, y = [], []
    for i in range(clients):
        white, _ = np.linalg.qr(rng.normal(size=(40, features)))
        x.append(torch.from_numpy(white * np.sqrt(40)))
        y.append((0.5 + 0.3 * i) * (-1) ** i * x[-1] @ truth)

    def loss(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (w[-1] * (x @ w[:-1]) - y).square() / 2

    problem = Problem.from_function(loss, torch.from_numpy(rng.normal(size=features + 1)))
    problem.layout = Layout(("body", "head"), (torch.Size([features]), torch.Size([1])))
    return World(problem, federation(x, y)), truth


@pytest.mark.proof("invariant", "the angle to the true rank-1 subspace falls in every round")
def test_linear_representation() -> None:
    world, truth = rank_one()
    method = FedRep(lr=0.3, head_lr=0.2, head_epochs=30)
    bodies = [world.problem.init()[:-1], *(r.server for r in world.run(method, 40).history)]
    unit = truth / truth.norm()
    sines = [float((b - (b @ unit) * unit).norm() / b.norm()) for b in bodies]
    assert all(after < before for before, after in pairwise(sines))
    assert sines[-1] < 0.2 * sines[0]
