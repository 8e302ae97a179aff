"""q-FedAvg: the optima for five values of q, its step, its scaling, and FedAvg at q = 0."""

import pytest
import torch

from contract import Contract
from fair_parabolas import OPTIMA, assert_optimum, assert_worst_loss
from unalike.errors import InputError
from unalike.methods import FedAvg, QFedAvg
from worlds import blobs, quadratics

CONTRACT = Contract(down=1, up=1, up_more=1)


@pytest.mark.proof("fixed point", "1 / (1 + 3^(1 / (2q + 1))) for p = (3/4, 1/4), b = (0, 1)")
@pytest.mark.parametrize(("q", "known"), OPTIMA)
def test_optimum_of_two_parabolas(q: float, known: float) -> None:
    assert_optimum(QFedAvg, q, known, start=0.1)


@pytest.mark.proof("fixed point", "q to infinity minimises the worst loss")
def test_optimum_of_a_very_large_q() -> None:
    assert_worst_loss(QFedAvg)


@pytest.mark.proof("fixed point", "one step is sum p F^q g / sum p (q F^(q-1) |g|^2 + L F^q)")
@pytest.mark.parametrize("q", [0.5, 1, 3])
def test_one_step(q: float) -> None:
    a, b, p = [1.0, 4.0], [0.0, 1.0], [0.4, 0.6]
    w = quadratics(a, b, sizes=[2, 3], start=2.0).run(QFedAvg(lr=0.05, q=q), 1, steps=3).server
    top = bottom = 0.0
    for a_i, b_i, p_i in zip(a, b, p, strict=True):
        loss = a_i / 2 * (2 - b_i) ** 2
        g = (2 - b_i) * (1 - (1 - 0.05 * a_i) ** 3) / 0.05
        top += p_i * loss**q * g
        bottom += p_i * (q * loss ** (q - 1) * g**2 + loss**q / 0.05)
    assert float(w) == pytest.approx(2 - top / bottom, abs=1e-9)


@pytest.mark.proof("limit", "q = 0 is FedAvg, to the rounding of weights that sum to one")
def test_without_fairness_it_is_fedavg() -> None:
    """q-FedAvg divides by the sum of the weights, and FedAvg takes it for one."""
    world = blobs()
    w = world.run(QFedAvg(q=0), 4, batch_size=4, cohort=4).server
    known = world.run(FedAvg(), 4, batch_size=4, cohort=4).server
    torch.testing.assert_close(w, known, atol=1e-12, rtol=1e-12)


@pytest.mark.proof("invariant", "no power of a loss under- or overflows")
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_powers_do_not_underflow(scale: float) -> None:
    """f_q of scaled losses has the same optimum, though F^q is far outside the numbers."""
    world = quadratics([scale, scale], [0, 1], sizes=[3, 1], start=0.45)
    w = world.run(QFedAvg(lr=0.9 / scale, q=100), 40).server
    assert float(w) == pytest.approx(1 / (1 + 3 ** (1 / 201)), abs=2e-4 if scale < 1 else 1e-9)


@pytest.mark.proof(
    "invariant", "the loss that travels is the one before training, over all samples"
)
def test_loss_is_taken_at_the_start() -> None:
    world = quadratics([1, 4], [0, 1], sizes=[5, 2], start=3.0)
    ups = world.run(QFedAvg(), 1, batch_size=1, steps=2).history[0].ups
    torch.testing.assert_close(ups.loss, torch.tensor([4.5, 8.0], dtype=torch.float64))


@pytest.mark.proof("invariant", "a client cloned with half its weight each changes nothing")
def test_clones() -> None:
    one = quadratics([1, 4], [0, 1], sizes=[2, 2], start=3.0).run(QFedAvg(q=2), 5, steps=3)
    two = quadratics([1, 4, 4], [0, 1, 1], sizes=[2, 1, 1], start=3.0).run(QFedAvg(q=2), 5, steps=3)
    torch.testing.assert_close(one.server, two.server, atol=1e-12, rtol=0)


def test_negative_losses_are_refused() -> None:
    world = quadratics([-1, 1], [0, 1], start=3.0)
    with pytest.raises(InputError, match="losses of at least 0"):
        world.run(QFedAvg(q=1), 1)


def test_says_when_it_is_fedavg() -> None:
    problem = blobs().problem
    assert "FedAvg" in (QFedAvg(q=0).vacuous(problem) or "")
    assert QFedAvg().vacuous(problem) is None
