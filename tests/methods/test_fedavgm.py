"""FedAvgM: the recursions of its momentum, and FedAvg where it has no memory."""

import pytest
import torch

from contract import Contract
from unalike.methods import FedAvg, FedAvgM
from worlds import blobs, quadratics

CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}


@pytest.mark.proof("fixed point", "FedAvg's sum p (1 - r) b / sum p (1 - r), for any momentum")
@pytest.mark.parametrize("nesterov", [False, True])
def test_fixed_point_of_two_parabolas(nesterov: bool) -> None:
    method = FedAvgM(lr=0.1, beta=0.2, nesterov=nesterov)
    w = quadratics([1, 4], [0, 1]).run(method, 30, steps=5).server.w
    assert float(w) == pytest.approx(0.6925023465, abs=1e-9)


@pytest.mark.proof("fixed point", "u <- beta u + delta; the step is u, or delta + beta u")
@pytest.mark.parametrize("nesterov", [False, True])
def test_first_rounds(nesterov: bool) -> None:
    method = FedAvgM(lr=0.1, beta=0.8, server_lr=0.5, nesterov=nesterov)
    history = quadratics([1, 4], [0, 1], start=3.0).run(method, 3, steps=5).history
    contraction = (0.9**5 + 0.6**5) / 2
    centre = (1 - 0.6**5) / (2 - 0.9**5 - 0.6**5)
    w, u = 3.0, 0.0
    for round_ in history:
        delta = (contraction - 1) * (w - centre)
        u = 0.8 * u + delta
        w += 0.5 * (delta + 0.8 * u if nesterov else u)
        assert float(round_.server.w) == pytest.approx(w, abs=1e-12)
        assert float(round_.server.u) == pytest.approx(u, abs=1e-12)


@pytest.mark.proof("limit", "beta = 0 is FedAvg, bit for bit")
@pytest.mark.parametrize("nesterov", [False, True])
def test_without_memory_it_is_fedavg(nesterov: bool) -> None:
    world = blobs()
    method = FedAvgM(beta=0, nesterov=nesterov, server_lr=0.7)
    w = world.run(method, 3, batch_size=4, cohort=4).server.w
    known = world.run(FedAvg(server_lr=0.7), 3, batch_size=4, cohort=4).server
    assert torch.equal(w, known)


@pytest.mark.proof("limit", "the first round is FedAvg's, whatever the memory")
def test_first_round_is_fedavg() -> None:
    world = blobs()
    known = world.run(FedAvg(), 1, batch_size=4).server
    assert torch.equal(world.run(FedAvgM(beta=0.9), 1, batch_size=4).server.w, known)


@pytest.mark.proof("invariant", "the momentum is the discounted sum of the mean updates")
def test_momentum_is_a_discounted_sum() -> None:
    outcome = blobs().run(FedAvgM(beta=0.6), 4, batch_size=4, cohort=3)
    means = [r.cohort.mean(r.ups) for r in outcome.history]
    u = sum(0.6 ** (3 - t) * mean for t, mean in enumerate(means))
    torch.testing.assert_close(outcome.server.u, u, **CLOSED)


def test_says_when_it_is_fedavg() -> None:
    problem = blobs().problem
    assert "FedAvg" in (FedAvgM(beta=0).vacuous(problem) or "")
    assert FedAvgM().vacuous(problem) is None
