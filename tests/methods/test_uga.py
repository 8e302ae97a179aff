"""UGA: the gradient at the shared weights, through the clients' own steps."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import grad

from contract import Contract
from unalike.core import Batch, NoState
from unalike.methods import MEFL, UGA, FedAvg
from worlds import Halves, World, blobs, fixed_point, quadratics, whole_batch

CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}


@pytest.mark.proof("fixed point", "weights p a (1 - eta a)^(2J)")
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_fixed_point(steps: int) -> None:
    w = fixed_point(UGA(lr=0.1), [0.5, 2, 5], [0, 1, -2], sizes=[2, 3, 5], steps=steps)
    a, c, p = np.asarray([0.5, 2, 5]), np.asarray([0, 1, -2]), np.asarray([0.2, 0.3, 0.5])
    weights = p * a * (1 - 0.1 * a) ** (2 * steps)
    assert w == pytest.approx((weights * c).sum() / weights.sum(), abs=1e-9)


@pytest.mark.proof("fixed point", "equal curvatures have no drift: the optimum for any J")
@pytest.mark.parametrize("steps", [1, 7])
def test_equal_curvatures(steps: int) -> None:
    w = fixed_point(UGA(lr=0.1), [2, 2, 2], [0, 1, -2], sizes=[2, 3, 5], steps=steps)
    assert w == pytest.approx(0.3 - 1.0, abs=1e-9)


@pytest.mark.proof(
    "fixed point", "a = 2, c = 1, w = 2, J = 2: g = 0.8192, not the first-order 1.28"
)
def test_gradient_of_a_parabola() -> None:
    outcome = quadratics([2], [1], start=2.0).run(UGA(lr=0.1), 1, steps=2)
    assert float(outcome.history[0].ups) == pytest.approx(0.8192, abs=1e-12)
    assert float(outcome.server) == pytest.approx(2 - 0.8192, abs=1e-12)


@pytest.mark.proof("fixed point", "(I - eta A)^J' A (I - eta A)^J e for matrices")
def test_gradient_of_a_paraboloid() -> None:
    a = np.asarray([[2.0, 0.6], [0.6, 1.0]])
    outcome = quadratics([a], [[1.0, -1.0]], start=[3.0, 0.5]).run(UGA(lr=0.2), 1, steps=3)
    shrink = np.linalg.matrix_power(np.eye(2) - 0.2 * a, 3)
    exact = shrink.T @ a @ shrink @ np.asarray([2.0, 1.5])
    torch.testing.assert_close(outcome.history[0].ups[0], torch.from_numpy(exact), **CLOSED)


@pytest.mark.proof("limit", "the reverse chain is autograd through the steps, on a network")
def test_autograd_through() -> None:
    world = blobs((9,))
    outcome = world.run(UGA(lr=0.3), 1, steps=3)
    own = world.federation.train.rows(0)
    batch = whole_batch(world.federation.x[own], world.federation.y[own])
    w = outcome.engine.w.clone().requires_grad_()
    u = w
    for _ in range(3):
        u = u - 0.3 * grad(mean_loss(world, u, batch), u, create_graph=True)[0]
    exact = grad(mean_loss(world, u, batch), w)[0]
    torch.testing.assert_close(outcome.history[0].ups[0], exact, **CLOSED)


def mean_loss(world: World, w: Tensor, batch: Batch) -> Tensor:
    return world.problem.losses(w, batch).mean()


@pytest.mark.proof("limit", "a step of zero on the clients is gradient descent on the server")
def test_no_local_step() -> None:
    world = blobs()
    uga = world.run(UGA(lr=0.0, server_lr=0.2), 3, batch_size=4).server
    descent = world.run(FedAvg(lr=0.2), 3).server
    torch.testing.assert_close(uga, descent, **CLOSED)


@pytest.mark.proof("limit", "MEFL with uniform weights, frozen step sizes and S = Q = D")
def test_inside_mefl() -> None:
    world = quadratics([1, 4], [0, 1], start=2.0)
    mefl = MEFL(alpha=0.1, inner_steps=4, without_eoa=True, step_sizes="frozen")
    ours = world.run(UGA(lr=0.1), 5, steps=4).server
    torch.testing.assert_close(ours, world.run(mefl, 5).server.w, **CLOSED)


@pytest.mark.proof("invariant", "a client predicts with its own epochs from w")
def test_personal() -> None:
    personal = quadratics([1, 4], [0, 1], start=2.0).run(UGA(lr=0.1), 0, steps=3).personal()
    exact = torch.tensor([[2 * 0.9**3], [1 + 0.6**3]], dtype=torch.float64)
    torch.testing.assert_close(personal, exact, **CLOSED)


@pytest.mark.proof("invariant", "the last gradient sees all of the client's samples")
def test_all_samples() -> None:
    a = torch.tensor([2.0, 6.0], dtype=torch.float64).reshape(2, 1, 1)
    c = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    world = quadratics([1], [0])
    batches = Halves.of((a[:1], c[:1]), (a[1:], c[1:]))
    w = torch.tensor([2.0], dtype=torch.float64)
    _, g = UGA(lr=0.0).client_update(world.problem, w, NoState(), batches)
    assert float(g) == pytest.approx((2 * 1 + 6 * 2) / 2, abs=1e-12)
    assert UGA().displacement(g) is None
