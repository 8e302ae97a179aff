"""AFL: its saddle point, its mixture under partial participation, and FedAvg's descent."""

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from contract import Contract
from unalike.core import Cohort, Problem
from unalike.methods import AFL, FedAvg
from unalike.methods.afl import Server, Up
from unalike.weighting.sampling import Drawn, weigh
from worlds import World, blobs, federation, quadratics

CONTRACT = Contract(down=1, up=1, up_more=1)


def saddle(start: float) -> World:
    """F_1 = w^2 / 2 and F_2 = (w - 1)^2 / 2 + 0.1: the saddle is w = 0.6, lambda = (0.4, 0.6)."""

    def loss(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return 0.5 * (w - x).square().sum(1) + y

    x = [torch.zeros(1, 1).double(), torch.ones(1, 1).double()]
    y = [torch.zeros(1).double(), torch.full((1,), 0.1, dtype=torch.float64)]
    problem = Problem.from_function(loss, torch.tensor([start], dtype=torch.float64))
    return World(problem, federation(x, y))


@pytest.mark.proof("fixed point", "the saddle w = 0.6, lambda = (0.4, 0.6), reached from afar")
def test_saddle() -> None:
    server = saddle(start=1.5).run(AFL(lr=0.5, lam_lr=0.5), 120).server
    assert float(server.w) == pytest.approx(0.6, abs=1e-9)
    assert server.lam.tolist() == pytest.approx([0.4, 0.6], abs=1e-9)
    assert float(server.mean) == pytest.approx(0.6, abs=0.05)


@pytest.mark.proof("fixed point", "rests at the saddle, average and all")
def test_rests_at_the_saddle() -> None:
    weights = torch.tensor([0.4, 0.6], dtype=torch.float64)
    server = saddle(start=0.6).run(AFL(lam_lr=0.1), 5, weights=weights).server
    assert float(server.mean) == pytest.approx(0.6, abs=1e-9)
    assert server.lam.tolist() == pytest.approx([0.4, 0.6], abs=1e-9)


@pytest.mark.proof("fixed point", "one round: lambda . delta downhill, lambda + eta F projected")
def test_one_round() -> None:
    weights = torch.tensor([0.7, 0.3], dtype=torch.float64)
    server = saddle(start=2.0).run(AFL(lr=0.1, lam_lr=0.2), 1, weights=weights).server
    assert float(server.w) == pytest.approx(2 - 0.1 * (0.7 * 2 + 0.3 * 1), abs=1e-12)
    gap = 0.2 * (2.0 - 0.6) / 2
    assert server.lam.tolist() == pytest.approx([0.7 + gap, 0.3 - gap], abs=1e-12)


@pytest.mark.proof("limit", "eta_lambda = 0 is FedAvg's descent, bit for bit")
def test_fixed_mixture_is_fedavg() -> None:
    """Weights that are sums of powers of two are not rounded."""
    world = blobs(sizes=(4, 1, 2, 1))
    method = AFL(lam_lr=0)
    outcome = world.run(method, 4, batch_size=2, cohort=3)
    known = world.run(FedAvg(), 4, batch_size=2, cohort=3)
    assert torch.equal(outcome.server.w, known.server)
    assert outcome.server.lam.tolist() == [0.5, 0.125, 0.25, 0.125]


@pytest.mark.proof("invariant", "the model is the time average of all rounds, for everybody")
def test_everybody_predicts_with_the_average() -> None:
    world = blobs(newcomers=[2])
    outcome = world.run(AFL(lam_lr=0.05), 4, batch_size=4, cohort=3)
    mean = torch.stack([r.server.w for r in outcome.history]).mean(0)
    method = outcome.engine.method
    torch.testing.assert_close(outcome.server.mean, mean)
    assert torch.equal(method.global_model(outcome.server), outcome.server.mean)
    assert torch.equal(outcome.personal(), outcome.server.mean.expand(5, -1))
    assert torch.equal(outcome.engine.adapt(4, outcome.server)[0], outcome.server.mean)
    assert not torch.allclose(outcome.server.mean, outcome.server.w)


@pytest.mark.proof("invariant", "only w travels in training")
def test_bytes() -> None:
    round_ = blobs().run(AFL(), 2, batch_size=4, cohort=3).history[1]
    p = round_.server.w.numel()
    assert (round_.bytes_down, round_.bytes_up) == (3 * 8 * p, 3 * 8 * (p + 1))


@pytest.mark.proof("invariant", "the mixture stays on the simplex")
def test_mixture_stays_on_the_simplex() -> None:
    outcome = blobs().run(AFL(lam_lr=2.0), 6, batch_size=4, cohort=3)
    for round_ in outcome.history:
        lam = round_.server.lam
        assert float(lam.sum()) == pytest.approx(1, abs=1e-12)
        assert float(lam.min()) >= 0
    assert float(outcome.server.lam.max()) > 0.3


@pytest.mark.proof("invariant", "over all cohorts of S both steps average to those of all N")
@pytest.mark.parametrize("size", [2, 3, 4])
def test_cohorts_are_unbiased(size: int) -> None:
    """The ascent up to a number common to all clients, which the projection removes."""
    g = torch.Generator().manual_seed(0)
    delta = torch.randn(5, 3, generator=g, dtype=torch.float64)
    loss = torch.rand(5, generator=g, dtype=torch.float64)
    lam = torch.tensor([0.3, 0.2, 0.1, 0.25, 0.15], dtype=torch.float64)
    p = torch.tensor([0.1, 0.5, 0.1, 0.1, 0.2], dtype=torch.float64)
    w = torch.zeros(3, dtype=torch.float64)
    server = Server(w, lam, w, w[0])
    after = []
    for chosen in combinations(range(5), size):
        ids = torch.tensor(chosen)
        weights = weigh("II", p, Drawn(np.asarray(chosen), np.ones(size, dtype=np.int64)))
        cohort = Cohort(ids, weights, p[ids], 5)
        after.append(AFL(lam_lr=1e-3).server_update(server, Up(delta[ids], loss[ids]), cohort))
    torch.testing.assert_close(torch.stack([s.w for s in after]).mean(0), lam @ delta)
    mean_lam = torch.stack([s.lam for s in after]).mean(0)
    torch.testing.assert_close(mean_lam, lam + 1e-3 * (loss - loss.mean()))


@pytest.mark.proof("invariant", "a cohort of one moves w and leaves the mixture")
def test_cohort_of_one() -> None:
    outcome = quadratics([1, 4], [0, 1], start=3.0).run(AFL(lam_lr=1.0), 3, cohort=1)
    assert outcome.server.lam.tolist() == [0.5, 0.5]
    assert float(outcome.server.w) != 3.0


def test_says_when_the_mixture_is_fixed() -> None:
    problem = blobs().problem
    assert "FedAvg" in (AFL(lam_lr=0).vacuous(problem) or "")
    assert AFL().vacuous(problem) is None
