"""FedNova: the norms of the gradient weights, the limit that they mend, and FedAvg."""

import numpy as np
import pytest
import torch

from contract import Contract
from unalike.core import Cohort
from unalike.methods import FedAvg, FedNova, FedProx
from unalike.methods.fednova import Up
from worlds import blobs, quadratics

CONTRACT = Contract(down=1, up=1, up_more=1)

HALVES = torch.tensor([0.5, 0.5], dtype=torch.float64)


def steps(*counts: int) -> torch.Tensor:
    return torch.tensor(counts, dtype=torch.float64)


@pytest.mark.proof("fixed point", "|a|_1 of SGD is tau")
def test_norm_of_sgd() -> None:
    assert torch.equal(FedNova().norms(steps(0, 1, 7, 50)), steps(0, 1, 7, 50))


@pytest.mark.proof(
    "fixed point", "|a|_1 of momentum: (tau - rho (1 - rho^tau) / (1 - rho)) / (1 - rho)"
)
def test_norm_of_momentum() -> None:
    norms = FedNova(momentum=0.9).norms(steps(1, 2, 5, 50))
    tau = np.asarray([1, 2, 5, 50])
    exact = (tau - 0.9 * (1 - 0.9**tau) / 0.1) / 0.1
    np.testing.assert_allclose(norms, exact, atol=1e-9)
    np.testing.assert_allclose(norms, [1, 2.9, 13.1441, 410.4638], atol=5e-5)


@pytest.mark.proof("fixed point", "|a|_1 of a proximal term: (1 - (1 - eta mu)^tau) / (eta mu)")
def test_norm_of_a_proximal_term() -> None:
    norms = FedNova(lr=0.2, mu=0.5).norms(steps(1, 2, 5, 50))
    tau = np.asarray([1, 2, 5, 50])
    np.testing.assert_allclose(norms, (1 - 0.9**tau) / 0.1, atol=1e-9)


@pytest.mark.proof("fixed point", "|a|_1 is what the local solver really weighs its gradients with")
@pytest.mark.parametrize(("momentum", "mu"), [(0, 0), (0.9, 0), (0, 0.7), (0.5, 0.3)])
def test_norm_is_the_solvers_own(momentum: float, mu: float) -> None:
    """On a constant gradient of one the solver goes eta |a|_1 far."""
    world = quadratics([1e-12], [1e12], sizes=[6])
    method = FedNova(lr=0.1, momentum=momentum, mu=mu)
    moved = world.run(method, 1, batch_size=1).history[0].ups.delta
    expected = 0.1 * float(method.norms(steps(6))[0])
    assert float(moved) == pytest.approx(expected, rel=1e-9)


@pytest.mark.proof("fixed point", "sum p d / sum p c with c = (1 - (1 - eta a)^tau) / tau")
@pytest.mark.parametrize(("lr", "known"), [(0.1, 0.5238), (0.01, 0.7736), (0.001, 0.79743)])
def test_limit_weights(lr: float, known: float) -> None:
    """For small steps the optimum 0.8 of the objective, not 0.973 of the weights p tau."""
    pull = (1 - (1 - lr * np.asarray([1, 4])) ** [1, 9]) / [1, 9]
    exact = pull[1] / pull.sum()
    world = quadratics([1, 4], [0, 1], sizes=[1, 9], start=exact)
    w = world.run(FedNova(lr=lr), 3, batch_size=1, weights=HALVES).server
    assert float(w) == pytest.approx(exact, abs=1e-11)
    assert exact == pytest.approx(known, abs=5e-5)


@pytest.mark.proof("fixed point", "FedAvg goes to the optimum of the weights p tau instead")
def test_fedavg_drifts_to_the_busy_client() -> None:
    world = quadratics([1, 4], [0, 1], sizes=[1, 9], start=0.972973)
    still = world.run(FedAvg(lr=1e-6), 1, batch_size=1, weights=HALVES).server
    moved = world.run(FedNova(lr=1e-6), 1, batch_size=1, weights=HALVES).server
    assert abs(float(still) - 0.972973) < 1e-9
    assert float(moved) - 0.972973 == pytest.approx(-1e-6 * 5 * 2.5 * (0.972973 - 0.8), rel=1e-3)


@pytest.mark.proof("fixed point", "converges from afar")
def test_converges() -> None:
    world = quadratics([1, 4], [0, 1], sizes=[1, 9], start=5.0)
    w = world.run(FedNova(lr=0.1), 60, batch_size=1, weights=HALVES).server
    pull = (1 - np.asarray([0.9, 0.6]) ** [1, 9]) / [1, 9]
    assert float(w) == pytest.approx(pull[1] / pull.sum(), abs=1e-9)


@pytest.mark.proof("fixed point", "tau_eff is the weighted mean of |a|_1, or of the steps")
@pytest.mark.parametrize("effective", ["weights", "steps"])
def test_effective_steps(effective: str) -> None:
    method = FedNova(lr=0.2, mu=0.5, effective=effective)
    p, tau = torch.tensor([0.25, 0.75]).double(), steps(2, 5)
    delta = torch.tensor([[1.0, 2.0], [3.0, -1.0]]).double()
    cohort = Cohort(torch.tensor([0, 1]), p, p, 2)
    w = method.server_update(torch.zeros(2).double(), Up(delta, tau), cohort)
    a = (1 - 0.9 ** tau.numpy()) / 0.1
    tau_eff = (p.numpy() * (a if effective == "weights" else tau.numpy())).sum()
    known = tau_eff * (p.numpy() / a) @ delta.numpy()
    np.testing.assert_allclose(w, known, atol=1e-12)


@pytest.mark.proof("limit", "equal steps: FedAvg, bit for bit, with each local solver")
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_equal_steps_are_fedavg(momentum: float) -> None:
    world = blobs()
    solver = f"momentum:{momentum}" if momentum else "sgd"
    w = world.run(FedNova(momentum=momentum), 4, steps=3, cohort=4).server
    assert torch.equal(w, world.run(FedAvg(solver=solver), 4, steps=3, cohort=4).server)


@pytest.mark.proof("limit", "equal steps with a proximal term: FedProx, bit for bit")
def test_equal_steps_are_fedprox() -> None:
    world = blobs()
    w = world.run(FedNova(mu=0.3), 4, steps=3, cohort=4).server
    assert torch.equal(w, world.run(FedProx(mu=0.3), 4, steps=3, cohort=4).server)


@pytest.mark.proof("invariant", "what travels is the client's own number of steps")
def test_steps_are_the_clients_own() -> None:
    ups = blobs(sizes=(12, 1, 30, 7)).run(FedNova(), 1, batch_size=4, steps=2).history[0].ups
    assert ups.steps.tolist() == [6, 2, 16, 4]


@pytest.mark.proof("invariant", "a client cloned with half its weight each changes nothing")
def test_clones() -> None:
    quarters = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    one = quadratics([1, 4], [0, 1], sizes=[1, 9]).run(FedNova(), 5, batch_size=1, weights=HALVES)
    two = quadratics([1, 4, 4], [0, 1, 1], sizes=[1, 9, 9]).run(
        FedNova(), 5, batch_size=1, weights=quarters
    )
    torch.testing.assert_close(one.server, two.server, atol=1e-12, rtol=0)
