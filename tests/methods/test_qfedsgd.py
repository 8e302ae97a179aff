"""q-FedSGD: the optima for five values of q, its step, and gradient descent at q = 0."""

import pytest
import torch

from contract import Contract
from fair_parabolas import OPTIMA, assert_optimum, assert_worst_loss
from unalike.methods import FedAvg, QFedAvg, QFedSGD
from worlds import blobs, quadratics

CONTRACT = Contract(down=1, up=1, up_more=1)


@pytest.mark.proof("fixed point", "1 / (1 + 3^(1 / (2q + 1))) for p = (3/4, 1/4), b = (0, 1)")
@pytest.mark.parametrize(("q", "known"), OPTIMA)
def test_optimum_of_two_parabolas(q: float, known: float) -> None:
    assert_optimum(QFedSGD, q, known, start=0.45)


@pytest.mark.proof("fixed point", "q to infinity minimises the worst loss")
def test_optimum_of_a_very_large_q() -> None:
    assert_worst_loss(QFedSGD)


@pytest.mark.proof("fixed point", "one step is sum p F^q g / sum p (q F^(q-1) |g|^2 + L F^q)")
@pytest.mark.parametrize("q", [0.5, 1, 3])
def test_one_step(q: float) -> None:
    a, b, p = [1.0, 4.0], [0.0, 1.0], [0.4, 0.6]
    w = quadratics(a, b, sizes=[2, 3], start=2.0).run(QFedSGD(lr=0.05, q=q), 1, steps=3).server
    top = bottom = 0.0
    for a_i, b_i, p_i in zip(a, b, p, strict=True):
        loss, g = a_i / 2 * (2 - b_i) ** 2, a_i * (2 - b_i)
        top += p_i * loss**q * g
        bottom += p_i * (q * loss ** (q - 1) * g**2 + loss**q / 0.05)
    assert float(w) == pytest.approx(2 - top / bottom, abs=1e-9)


@pytest.mark.proof("limit", "q = 0 is FedAvg with one local step")
def test_without_fairness_it_is_gradient_descent() -> None:
    world = blobs()
    w = world.run(QFedSGD(q=0), 4, cohort=4).server
    known = world.run(FedAvg(), 4, cohort=4).server
    torch.testing.assert_close(w, known, atol=1e-12, rtol=1e-12)


@pytest.mark.proof("limit", "q-FedAvg with one full local step is q-FedSGD")
def test_one_local_step_of_qfedavg() -> None:
    world = blobs()
    w = world.run(QFedSGD(q=2), 4, cohort=4).server
    known = world.run(QFedAvg(q=2), 4, cohort=4).server
    torch.testing.assert_close(w, known, atol=1e-12, rtol=1e-9)


@pytest.mark.proof("invariant", "one batch a round for the gradient, all samples for the loss")
def test_work_of_a_round() -> None:
    world = blobs(sizes=(12, 1, 30, 7))
    round_ = world.run(QFedSGD(), 1, batch_size=4, steps=3).history[0]
    assert round_.gradients == 4 + 1 + 4 + 4
    whole = world.run(QFedSGD(), 1, steps=1).history[0]
    assert torch.equal(round_.ups.loss, whole.ups.loss)
    assert not torch.allclose(round_.ups.g[2], whole.ups.g[2])


def test_says_when_it_is_plain() -> None:
    problem = blobs().problem
    assert "FedSGD" in (QFedSGD(q=0).vacuous(problem) or "")
    assert QFedSGD().vacuous(problem) is None
