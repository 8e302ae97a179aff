"""Per-FedAvg: the exact meta-gradient, its two approximations, and what they converge to."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import pytest
import torch
from torch import Tensor

from contract import Contract
from unalike.core import Batch, Batches, NoState, Problem
from unalike.core.batches import LocalStep
from unalike.methods import FedAvg, PerFedAvg
from worlds import blobs, fixed_point, quadratics, samples, whole_batch

CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
NO_STATE = NoState()


@pytest.mark.proof("fixed point", "a = 2, c = 1, w = 3, alpha = .1: 2.56 exact, 3.2 first-order")
@pytest.mark.parametrize(
    ("hessian", "known"), [("exact", 2.56), ("difference", 2.56), ("none", 3.2)]
)
def test_meta_gradient_of_a_parabola(hessian: str, known: float) -> None:
    method = PerFedAvg(alpha=0.1, beta=0.5, hessian=hessian, steps=1)
    outcome = quadratics([2], [1], start=3.0).run(method, 1)
    assert float(outcome.history[0].ups) == pytest.approx(-0.5 * known, abs=1e-9)


A = np.asarray([[2.0, 0.6], [0.6, 1.0]])
E = np.asarray([2.0, 1.5])
M = np.eye(2) - 0.2 * A


@pytest.mark.proof("fixed point", "M A M e exact, A M e first-order, M = I - alpha A")
@pytest.mark.parametrize("hessian", ["exact", "difference", "none"])
def test_meta_gradient_of_a_paraboloid(hessian: str) -> None:
    method = PerFedAvg(alpha=0.2, beta=1.0, hessian=hessian, steps=1)
    outcome = quadratics([A], [[1.0, -1.0]], start=[3.0, 0.5]).run(method, 1)
    exact = A @ M @ E if hessian == "none" else M @ A @ M @ E
    torch.testing.assert_close(outcome.history[0].ups[0], torch.from_numpy(-exact), **CLOSED)


@pytest.mark.proof("limit", "on quadratics the difference quotient is exact for any delta")
@pytest.mark.parametrize("delta", [1e-3, 1.0, 100.0])
def test_any_delta(delta: float) -> None:
    world = quadratics([A, 3 * np.eye(2)], [[1.0, -1.0], [0.0, 2.0]], start=[3.0, 0.5])
    exact = world.run(PerFedAvg(alpha=0.1), 3, steps=2).server
    quotient = world.run(PerFedAvg(alpha=0.1, hessian="difference", delta=delta), 3, steps=2)
    torch.testing.assert_close(quotient.server, exact, **CLOSED)


@pytest.mark.proof("fixed point", "w_tau = c + (I - beta M A M)^tau e")
@pytest.mark.parametrize("tau", [1, 2, 7])
@pytest.mark.parametrize("by_epochs", [False, True])
def test_tau_steps(tau: int, by_epochs: bool) -> None:
    method = PerFedAvg(alpha=0.2, beta=0.3, steps=0 if by_epochs else tau)
    world = quadratics([A], [[1.0, -1.0]], start=[3.0, 0.5])
    w = world.run(method, 1, steps=tau if by_epochs else 1).server
    shrink = np.linalg.matrix_power(np.eye(2) - 0.3 * M @ A @ M, tau)
    torch.testing.assert_close(w, torch.from_numpy([1, -1] + shrink @ E), **CLOSED)


@pytest.mark.proof("fixed point", "weights p (1 - (1 - beta a (1 - alpha a)^2)^tau)")
@pytest.mark.parametrize("hessian", ["exact", "none"])
@pytest.mark.parametrize("tau", [1, 4])
def test_fixed_point(hessian: str, tau: int) -> None:
    method = PerFedAvg(alpha=0.1, beta=0.2, hessian=hessian, steps=tau)
    w = fixed_point(method, [0.5, 2, 5], [0, 1, -2], sizes=[2, 3, 5])
    a, c, p = np.asarray([0.5, 2, 5]), np.asarray([0, 1, -2]), np.asarray([0.2, 0.3, 0.5])
    curvature = a * (1 - 0.1 * a) ** (1 if hessian == "none" else 2)
    weights = p * (1 - (1 - 0.2 * curvature) ** tau)
    assert w == pytest.approx((weights * c).sum() / weights.sum(), abs=1e-9)


@dataclass(frozen=True)
class Scripted(Batches):
    """Steps whose batches are given."""

    script: tuple[tuple[Batch, ...], ...] = ()

    @staticmethod
    def of(*script: tuple[Batch, ...]) -> "Scripted":
        usual = samples(script[0][0].x, script[0][0].y)
        return Scripted(**{f.name: getattr(usual, f.name) for f in fields(usual)}, script=script)

    def __iter__(self) -> Iterator[LocalStep]:
        return iter([LocalStep(batches[: self.independent], None, 1) for batches in self.script])


@pytest.mark.proof("fixed point", "three batches: (I - alpha A'') A' (w - alpha A (w - c) - c')")
def test_three_batches() -> None:
    a = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64).reshape(3, 1, 1)
    c = torch.tensor([[1.0], [-1.0], [0.5]], dtype=torch.float64)
    problem = quadratics([1], [0]).problem
    drawn = tuple(whole_batch(a[i : i + 1], c[i : i + 1]) for i in range(3))
    w = torch.tensor([3.0], dtype=torch.float64)
    for hessian in ("exact", "difference"):
        method = PerFedAvg(alpha=0.1, beta=1.0, hessian=hessian)
        _, delta = method.client_update(problem, w, NO_STATE, Scripted.of(drawn))
        exact = (1 - 0.1 * 5) * 3 * (3 - 0.1 * 2 * (3 - 1) + 1)
        assert float(delta) == pytest.approx(-exact, abs=1e-9)


@pytest.mark.proof("limit", "alpha = 0 is FedAvg with the same draws")
@pytest.mark.parametrize("hessian", ["exact", "difference", "none"])
def test_alpha_zero_is_fedavg(hessian: str) -> None:
    world = blobs()
    method = PerFedAvg(alpha=0.0, beta=0.2, hessian=hessian)
    meta = world.run(method, 3, steps=2).server
    torch.testing.assert_close(meta, world.run(FedAvg(lr=0.2), 3, steps=2).server, **CLOSED)
    assert "FedAvg" in (method.vacuous(world.problem) or "")
    assert PerFedAvg().vacuous(world.problem) is None


@pytest.mark.proof("invariant", "D, D' and D'' are drawn independently of each other")
def test_independent_draws() -> None:
    seen = []

    class Watched(PerFedAvg):
        def _hessian_times(self, v: Tensor, problem: Problem, w: Tensor, batch: Batch) -> Tensor:
            seen.append(batch.x[:, 0])
            return torch.zeros_like(v)

    class WatchedProblem:
        def grad(self, w: Tensor, batch: Batch) -> Tensor:
            seen.append(batch.x[:, 0])
            return torch.zeros_like(w)

        def descend(self, w: Tensor, batch: Batch, scale: float) -> Tensor:
            seen.append(batch.x[:, 0])
            return w

    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    method = Watched(hessian="exact")
    batches = samples(x, x, batch_size=4)
    method.client_update(WatchedProblem(), x[0], NO_STATE, batches)  # type: ignore[arg-type]
    steps = [seen[k : k + 3] for k in range(0, len(seen), 3)]
    assert len(steps) == 10
    for drawn in steps:
        assert len({tuple(batch.tolist()) for batch in drawn}) == 3
    for draw in zip(*steps, strict=True):
        assert torch.equal(torch.cat(draw).sort().values, x[:, 0].sort().values)


@pytest.mark.proof("fixed point", "a client predicts with one step: w - alpha a (w - c)")
def test_personal() -> None:
    world = quadratics([2, 5], [1, 0], sizes=[3, 4], start=3.0, newcomers=[1])
    outcome = world.run(PerFedAvg(alpha=0.1, beta=0.4), 0, batch_size=2)
    assert float(outcome.personal()) == pytest.approx(3 - 0.1 * 2 * 2, abs=1e-12)
    new = outcome.engine.adapt(0, outcome.server)
    assert float(new) == pytest.approx(3 - 0.1 * 5 * 3, abs=1e-12)


@pytest.mark.proof("limit", "on a network the exact form is autograd's, and HF is near it")
def test_network() -> None:
    world = blobs((9,))
    own = world.federation.train.rows(0)
    batch = whole_batch(world.federation.x[own], world.federation.y[own])
    w = world.problem.init().requires_grad_()
    adapted = w - 0.3 * torch.func.grad(lambda u: world.problem.losses(u, batch).mean())(w)
    exact = torch.autograd.grad(world.problem.losses(adapted, batch).mean(), w)[0]
    found = {}
    for hessian in ("exact", "difference", "none"):
        method = PerFedAvg(alpha=0.3, beta=1.0, hessian=hessian, delta=1e-4)
        script = Scripted.of((batch, batch, batch))
        _, delta = method.client_update(world.problem, w.detach(), NO_STATE, script)
        found[hessian] = -delta
    torch.testing.assert_close(found["exact"], exact, **CLOSED)
    torch.testing.assert_close(found["difference"], exact, atol=1e-6, rtol=1e-6)
    assert not torch.allclose(found["none"], exact, atol=1e-3)
