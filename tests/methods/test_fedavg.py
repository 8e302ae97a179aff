"""FedAvg against its closed form on quadratics and the methods it contains."""

import numpy as np
import pytest
import torch

from contract import Contract
from unalike.methods import FedAvg
from worlds import blobs, quadratics

CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}


@pytest.mark.proof("fixed point", "sum p (1 - r) b / sum p (1 - r), r = (1 - eta a)^E")
@pytest.mark.parametrize(
    ("steps", "times", "known"),
    [
        (1, 90, 0.8),
        (2, 50, 0.7710843373),
        (5, 25, 0.6925023465),
        (20, 10, 0.5323522541),
        (250, 1, 0.5),
    ],
)
def test_fixed_point_of_two_parabolas(steps: int, times: int, known: float) -> None:
    world = quadratics([1, 4], [0, 1])
    w = world.run(FedAvg(lr=0.1), times, steps=steps).server
    r = (1 - 0.1 * np.asarray([1, 4])) ** steps
    exact = ((1 - r) * [0, 1]).sum() / (1 - r).sum()
    torch.testing.assert_close(w, torch.tensor([exact], dtype=torch.float64), **CLOSED)
    assert exact == pytest.approx(known, abs=1e-9)


@pytest.mark.proof("fixed point", "contracts at sum p (1 - eta a)^E per round")
@pytest.mark.parametrize(
    ("steps", "rate"), [(1, 0.75), (2, 0.585), (5, 0.334125), (20, 0.0608066081)]
)
def test_rate(steps: int, rate: float) -> None:
    history = quadratics([1, 4], [0, 1], start=3.0).run(FedAvg(lr=0.1), 3, steps=steps).history
    w = [float(r.server) for r in history]
    assert (w[2] - w[1]) / (w[1] - w[0]) == pytest.approx(rate, abs=1e-9)


@pytest.mark.proof("fixed point", "weights are the clients' sizes")
def test_weighted_fixed_point() -> None:
    world = quadratics([0.5, 2, 5], [0, 1, -2], sizes=[2, 3, 5])
    w = world.run(FedAvg(lr=0.1), 60, steps=5).server
    assert float(w) == pytest.approx(-1.0489, abs=5e-5)


@pytest.mark.proof("limit", "one local step at full participation is gradient descent")
def test_one_step_is_gradient_descent() -> None:
    world = quadratics([0.5, 2, 5], [0, 1, -2], sizes=[2, 3, 5], start=1.0)
    w = world.run(FedAvg(lr=0.1), 1).server
    gradient = 0.2 * 0.5 * (1 - 0) + 0.3 * 2 * (1 - 1) + 0.5 * 5 * (1 + 2)
    assert float(w) == pytest.approx(1 - 0.1 * gradient, abs=1e-12)


@pytest.mark.proof("invariant", "the order of the clients does not matter")
def test_client_order() -> None:
    forth = quadratics([1, 4, 2], [0, 1, 5], sizes=[1, 2, 3]).run(FedAvg(), 5, steps=3).server
    back = quadratics([2, 4, 1], [5, 1, 0], sizes=[3, 2, 1]).run(FedAvg(), 5, steps=3).server
    torch.testing.assert_close(forth, back, **CLOSED)


@pytest.mark.proof("invariant", "a client cloned with half its weight each changes nothing")
def test_clones() -> None:
    one = quadratics([1, 4], [0, 1], sizes=[2, 2]).run(FedAvg(), 5, steps=3).server
    two = quadratics([1, 4, 4], [0, 1, 1], sizes=[2, 1, 1]).run(FedAvg(), 5, steps=3).server
    torch.testing.assert_close(one, two, **CLOSED)


@pytest.mark.proof("limit", "server_lr = 0.5 goes half the way")
def test_server_learning_rate() -> None:
    world = blobs()
    whole = world.run(FedAvg(), 1, batch_size=4)
    half = world.run(FedAvg(server_lr=0.5), 1, batch_size=4)
    start = whole.engine.w
    torch.testing.assert_close(half.server - start, (whole.server - start) / 2, **CLOSED)
