"""Reptile: FedAvg's fixed point at its own pace, and local steps from the start it learns."""

import numpy as np
import pytest
import torch

from contract import Contract
from unalike.methods import FedAvg, Reptile
from worlds import blobs, quadratics

CONTRACT = Contract(down=1, up=1)


@pytest.mark.proof("fixed point", "FedAvg's sum p (1 - r) b / sum p (1 - r), for any epsilon")
@pytest.mark.parametrize("epsilon", [0.6, 1.0])
def test_fixed_point_of_two_parabolas(epsilon: float) -> None:
    method = Reptile(lr=0.1, server_lr=epsilon, inner_steps=5)
    w = quadratics([1, 4], [0, 1]).run(method, 45).server
    assert float(w) == pytest.approx(0.6925023465, abs=1e-9)


@pytest.mark.proof("fixed point", "contracts at 1 - epsilon (1 - sum p r) per round")
def test_rate() -> None:
    method = Reptile(lr=0.1, server_lr=0.25)
    history = quadratics([1, 4], [0, 1], start=3.0).run(method, 3, steps=5).history
    w = [float(r.server) for r in history]
    assert (w[2] - w[1]) / (w[1] - w[0]) == pytest.approx(1 - 0.25 * (1 - 0.334125), abs=1e-9)


@pytest.mark.proof("fixed point", "a client's model is b + (1 - alpha a)^k (w - b)")
@pytest.mark.parametrize("k", [0, 1, 7])
def test_personal_models(k: int) -> None:
    method = Reptile(lr=0.1, adapt_steps=k)
    outcome = quadratics([1, 4], [0, 1], start=3.0).run(method, 2, steps=5)
    w = float(outcome.server)
    a, b = np.asarray([1, 4]), np.asarray([0, 1])
    exact = b + (1 - 0.1 * a) ** k * (w - b)
    np.testing.assert_allclose(outcome.personal()[:, 0], exact, atol=1e-12)


@pytest.mark.proof("fixed point", "a new client takes the same local steps")
def test_new_clients() -> None:
    world = quadratics([1, 4, 2], [0, 1, 5], newcomers=[2], start=3.0)
    outcome = world.run(Reptile(lr=0.1, adapt_steps=4), 2)
    w = float(outcome.server)
    exact = 5 + 0.8**4 * (w - 5)
    assert float(outcome.engine.adapt(2, outcome.server)) == pytest.approx(exact, abs=1e-12)


@pytest.mark.proof("limit", "epsilon = 1 trains as FedAvg does, bit for bit, with each solver")
@pytest.mark.parametrize("solver", ["sgd", "adam:0"])
def test_whole_steps_are_fedavg(solver: str) -> None:
    world = blobs()
    method = Reptile(server_lr=1.0, solver=solver, lr=0.01)
    w = world.run(method, 4, batch_size=4, cohort=4).server
    known = world.run(FedAvg(solver=solver, lr=0.01), 4, batch_size=4, cohort=4).server
    assert torch.equal(w, known)


@pytest.mark.proof("limit", "k = 1 is gradient descent on the mean loss with epsilon alpha")
def test_one_inner_step_is_gradient_descent() -> None:
    method = Reptile(lr=0.1, server_lr=0.25, inner_steps=1)
    w = quadratics([0.5, 2, 5], [0, 1, -2], sizes=[2, 3, 5], start=1.0).run(method, 1).server
    gradient = 0.2 * 0.5 * (1 - 0) + 0.3 * 2 * (1 - 1) + 0.5 * 5 * (1 + 2)
    assert float(w) == pytest.approx(1 - 0.25 * 0.1 * gradient, abs=1e-12)


@pytest.mark.proof("invariant", "inner_steps sets the same work for every client")
def test_inner_steps() -> None:
    world = blobs(sizes=(12, 2, 30, 7))
    round_ = world.run(Reptile(inner_steps=3), 1, batch_size=2, steps=5).history[0]
    assert round_.gradients == 3 * 2 + 3 * 2 + 3 * 2 + 3 * 2


def test_says_when_nobody_adapts() -> None:
    problem = blobs().problem
    assert "FedAvg" in (Reptile(adapt_steps=0).vacuous(problem) or "")
    assert Reptile().vacuous(problem) is None
