"""Steps of plain descent that are one function: right, counted, and the same however called."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap

import unalike.functional.traced_function as traced_function
from unalike.core import Batch, Method, Problem
from unalike.core.local_work import LocalWork
from unalike.core.plain_descent import PlainDescent, plain_descent
from unalike.core.solvers import adam, momentum, sgd
from unalike.engines.plan import Plan
from unalike.functional.gradient_count import count_gradients, gradient_cost
from unalike.methods import FedAvg, PerFedAvg
from worlds import ROUNDING, World, blobs, federation

LR = 0.3


class Ridge(Problem):
    """A loss that pulls at the weights even where a client has no samples left."""

    def loss(self, w: Tensor, batch: Batch) -> Tensor:
        return super().loss(w, batch) + 0.05 * (w * w).sum()


def large(*sizes: int, kind: type[Problem] = Problem) -> World:
    """In single precision, with a matrix large enough to be stepped as it is multiplied."""
    luck = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    problem = kind(nn.Sequential(nn.Linear(200, 100), nn.Tanh(), nn.Linear(100, 3)))
    sizes = sizes or (40, 33, 26, 19)
    x = [torch.randn(n, 200, generator=luck) for n in sizes]
    y = [torch.randint(3, (n,), generator=luck) for n in sizes]
    return World(problem, federation(x, y))


def batch_of(world: World) -> Batch:
    f = world.federation
    rows = torch.from_numpy(f.train.rows(0))
    weight = torch.ones(len(rows), dtype=f.x.dtype)
    return Batch(f.x[rows], f.y[rows], weight, weight.sum(), torch.arange(len(rows)))


@pytest.mark.parametrize("over", [False, True])
def test_a_step_is_the_weights_less_the_rate_times_the_gradient(over: bool) -> None:
    world = blobs()
    w, batch = world.problem.init(), batch_of(world)
    expected = w - LR * world.problem.grad(w, batch)
    with torch.no_grad(), count_gradients() as count, gradient_cost(2):
        for _ in range(traced_function.CALLS_BEFORE_TRACING + 3):  # recorded, at the end
            start = w.clone()
            found = world.problem.descend(start, batch, -LR, over=over)
            torch.testing.assert_close(found, expected, **ROUNDING)
            assert over or torch.equal(start, w)
    assert count == [2 * (traced_function.CALLS_BEFORE_TRACING + 3)]


def test_the_gradient_may_be_that_of_another_place() -> None:
    world = large(40, 33)
    w, batch = world.problem.init(), batch_of(world)
    at = w + 0.01
    expected = w - LR * world.problem.grad(at, batch)
    with torch.no_grad():
        for _ in range(traced_function.CALLS_BEFORE_TRACING + 2):
            start = w.clone()
            found = world.problem.descend(start, batch, -LR, at=at, over=True)
            torch.testing.assert_close(found, expected)
    assert found.data_ptr() == start.data_ptr()  # recorded, and in place
    assert torch.equal(at, w + 0.01)


def test_stacked_clients_may_share_the_weights_that_they_start_from() -> None:
    world = blobs()
    w, batch = world.problem.init(), batch_of(world)
    both = Batch(*(torch.stack([part, part]) for part in batch))
    with torch.no_grad():
        found = vmap(lambda *one: world.problem.descend(w, Batch(*one), -LR))(*both)
    expected = w - LR * world.problem.grad(w, batch)
    torch.testing.assert_close(found, torch.stack([expected, expected]), **ROUNDING)


@pytest.mark.parametrize("method", [FedAvg(lr=0.1), PerFedAvg(hessian="none")])
@pytest.mark.parametrize("plan", [Plan("single", 1, 1), Plan("stacked", 4, 1)])
def test_steps_have_the_same_bits_before_and_after_they_are_recorded(
    method: Method, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a run that goes on from a checkpoint ends where it would have ended."""

    def trained() -> Tensor:
        return large().run(method, 12, batch_size=4, steps=3, plan=plan).server

    monkeypatch.setattr(traced_function, "CALLS_BEFORE_TRACING", 1 << 30)
    never = trained()
    monkeypatch.setattr(traced_function, "CALLS_BEFORE_TRACING", 2)
    soon = trained()
    assert torch.equal(never, soon)


def test_other_directions_and_solvers_are_not_taken_for_it() -> None:
    problem = blobs().problem
    assert plain_descent(sgd(0.25), problem.grad) == PlainDescent(problem, -0.25)
    assert plain_descent(sgd(0.25), lambda w, batch: problem.grad(w, batch)) is None
    assert plain_descent(sgd(0.25), problem.loss) is None
    assert plain_descent(momentum(0.25), problem.grad) is None

    class Doubled(Problem):
        def grad(self, w: Tensor, batch: Batch) -> Tensor:
            return 2 * super().grad(w, batch)

    assert plain_descent(sgd(0.25), Doubled(nn.Linear(2, 2)).grad) is None
    assert (sgd(0.25).scale, momentum(0.25).scale, adam(0.25).scale) == (-0.25, None, None)


@pytest.mark.parametrize("calls", [2, 1 << 30])
@pytest.mark.parametrize("kind", [Problem, Ridge])
@pytest.mark.parametrize(
    "work", [LocalWork(epochs=3), LocalWork(steps=7), LocalWork(epochs=1.5), LocalWork(slow=0.7)]
)
@pytest.mark.parametrize("sizes", [(40, 33, 26, 19), (50, 9, 8, 1), (7, 7)])
def test_a_stack_that_goes_through_its_steps_at_once_gets_their_bits(
    sizes: tuple[int, ...],
    work: LocalWork,
    kind: type[Problem],
    calls: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of clients who leave before others and are back for the next epoch, recorded or not."""
    monkeypatch.setattr(traced_function, "CALLS_BEFORE_TRACING", calls)
    plan = Plan("stacked", 4, 1)
    through, found = PlainDescent.through, []

    def watched(*given: Any) -> Tensor | None:
        found.append(through(*given))
        return found[-1]

    def trained(way: Any) -> Any:
        monkeypatch.setattr(PlainDescent, "through", way)
        world = large(*sizes, kind=kind)
        return world.run(FedAvg(lr=0.1), 6, batch_size=8, plan=plan, work=work)

    at_once, step_by_step = trained(watched), trained(lambda *_: None)
    assert found
    assert None not in found
    assert torch.equal(at_once.server, step_by_step.server)
    for one, other in zip(at_once.history, step_by_step.history, strict=True):
        assert torch.equal(one.ups, other.ups)
        assert one.gradients == other.gradients
