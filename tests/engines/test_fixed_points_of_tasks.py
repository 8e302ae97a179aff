"""Where methods end on regression and counts: normal equations, and Newton's method.

The references are written in numpy and know nothing of the package's losses. A fixed point is one
that a round does not move, and that rounds come nearer to from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from task_worlds import world
from unalike.core import Problem
from unalike.methods import Ditto, FedAvg, FedProx, Local
from worlds import World

Array = np.ndarray[Any, np.dtype[np.float64]]
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def samples(world: World, rows: Any) -> tuple[Array, Array]:
    """Features with a one behind, and answers."""
    x = world.federation.x[rows].numpy()
    return np.column_stack([x, np.ones(len(x))]), world.federation.y[rows].numpy().astype(float)


def poisson(eta: Array, y: Array) -> tuple[Array, Array]:
    """Slope and curvature of exp(eta) - y eta."""
    return np.exp(eta) - y, np.exp(eta)


def squares(eta: Array, y: Array) -> tuple[Array, Array]:
    """Slope and curvature of (eta - y)^2."""
    return 2 * (eta - y), np.full_like(eta, 2.0)


RULES: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "regression": squares,
    "counts": poisson,
}
every_rule = pytest.mark.parametrize("name", RULES)


def newton(name: str, x: Array, y: Array, *, lam: float = 0.0, towards: Any = 0.0) -> Tensor:
    """The minimum of the mean loss and lam/2 |w - towards|^2: weights, then the bias."""
    w = np.zeros(x.shape[1]) + towards
    for _ in range(50):
        slope, curve = RULES[name](x @ w, y)
        g = x.T @ slope / len(y) + lam * (w - towards)
        h = (x * curve[:, None]).T @ x / len(y) + lam * np.eye(len(w))
        w = w - np.linalg.solve(h, g)
    return torch.from_numpy(w)


def minima(name: str, here: World, **options: Any) -> Tensor:
    """Of each client [3, P]."""
    train = here.federation.train
    return torch.stack(
        [newton(name, *samples(here, train.rows(row)), **options) for row in range(3)]
    )


@every_rule
def test_local_rests_at_each_clients_own_minimum(name: str) -> None:
    here = world(name)
    known = minima(name, here)
    engine = here.engine(Local(lr=0.05), steps=5)
    server = engine.method.init_server(engine.problem, engine.w, engine.population)
    everybody = np.arange(3)
    gaps = []
    for start in (known, known + 0.2):
        engine.restore(engine.states._replace(w=start))
        engine.train(1, everybody, engine.broadcast(server, everybody))
        gaps.append((engine.states.w - known).norm(dim=1))
    assert float(gaps[0].max()) < 1e-9
    assert (gaps[1] < 0.9 * (known * 0 + 0.2).norm(dim=1)).all()
    assert (known[0] - known[1]).abs().max() > 1e-2


@every_rule
@pytest.mark.parametrize("method", [FedAvg(lr=0.05), FedProx(lr=0.05)], ids=["fedavg", "fedprox"])
def test_single_steps_rest_at_everybodys_minimum(name: str, method: Any) -> None:
    here = world(name)
    known = newton(name, *samples(here, here.federation.train.values))
    rests = here.run(method, 2, w=known).server
    torch.testing.assert_close(rests, known, **CLOSE)
    nearer = here.run(method, 10, w=known + 0.2).server
    assert (nearer - known).norm() < 0.9 * torch.full_like(known, 0.2).norm()


def test_more_steps_of_unlike_clients_rest_elsewhere() -> None:
    """sum p_i (I - (I - lr H_i)^K) (w - w_i) = 0, H_i the Hessian of client i's mean squares."""
    here, lr, steps = world("regression"), 0.05, 3
    train = here.federation.train
    total, aim = torch.zeros(4, 4).double(), torch.zeros(4).double()
    for row, best in enumerate(minima("regression", here)):
        x = torch.from_numpy(samples(here, train.rows(row))[0])
        once = torch.eye(4).double() - lr * 2 * x.T @ x / len(x)
        pull = float(train.sizes[row]) * (torch.eye(4).double() - once.matrix_power(steps))
        total, aim = total + pull, aim + pull @ best
    known = torch.linalg.solve(total, aim)
    rests = here.run(FedAvg(lr=lr), 2, steps=steps, w=known).server
    torch.testing.assert_close(rests, known, **CLOSE)
    everybody = newton("regression", *samples(here, train.values))
    assert (known - everybody).abs().max() > 1e-4


@every_rule
def test_ditto_rests_between_the_two(name: str) -> None:
    """At the minimum of each client's loss and the pull to everybody's minimum."""
    here = world(name)
    shared = newton(name, *samples(here, here.federation.train.values))
    known = minima(name, here, lam=0.7, towards=shared.numpy())
    engine = here.engine(Ditto(lr=0.05, personal_lr=0.05, lam=0.7, personal_epochs=5))
    everybody = np.arange(3)
    gaps = []
    for start in (known, known + 0.2):
        engine.restore(engine.states._replace(v=start))
        answers = engine.train(1, everybody, engine.broadcast(shared, everybody))
        gaps.append((engine.states.v - known).norm(dim=1))
        moved = torch.tensordot(engine.population.weights, answers.ups, dims=1)
        assert float(moved.abs().max()) < 1e-9
    assert float(gaps[0].max()) < 1e-9
    assert (gaps[1] < 0.9 * (known * 0 + 0.2).norm(dim=1)).all()


@pytest.mark.parametrize("lam", [0.05, 2.0])
def test_local_with_a_penalty_is_ridge_regression(lam: float) -> None:
    """On the features as they are: (X'X / n + lam I)^-1 X'y / n, client by client."""
    here = world("regression")
    p = here.federation.x.shape[1]

    def loss(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return 0.5 * (x @ w - y) ** 2 + lam / 2 * w.square().sum()

    start = torch.zeros(p, dtype=torch.float64)
    penalised = World(Problem.from_function(loss, start), here.federation)
    done = penalised.run(Local(lr=0.3), 1, steps=400)
    plain = Problem.from_function(lambda w, x, y: 0.5 * (x @ w - y) ** 2, start)
    still = Ditto(lr=0.0, personal_lr=0.3, lam=lam, personal_epochs=400)
    ditto = World(plain, here.federation).run(still, 1)
    for row in range(3):
        x, y = samples(here, here.federation.train.rows(row))
        x = x[:, :-1]
        ridge = np.linalg.solve(x.T @ x / len(y) + lam * np.eye(p), x.T @ y / len(y))
        for found in (done.personal()[row], ditto.personal()[row]):
            np.testing.assert_allclose(found.numpy(), ridge, rtol=1e-6)
