"""Steps of plain descent that are one function: right, counted, and the same however called."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap

import unalike.functional.traced_function as traced_function
from unalike.core import Batch, Batches, Method, Problem, corrected, optimise, proximal
from unalike.core.adapted_gradient import AdaptedGradient
from unalike.core.directions import Direction
from unalike.core.local_work import LocalWork
from unalike.core.plain_descent import PlainDescent, plain_descent
from unalike.core.problem import WholeGradient
from unalike.core.seen_gradient import SeenGradient
from unalike.core.solvers import SGDState, Solver, adam, momentum, sgd
from unalike.engines.plan import Plan
from unalike.functional.gradient_count import count_gradients, gradient_cost
from unalike.functional.trees import leaves
from unalike.methods import (
    MOCHA,
    Ditto,
    FedAvg,
    FedEM,
    FedMTL,
    FedProx,
    FedRep,
    PerFedAvg,
    Scaffold,
)
from worlds import ROUNDING, World, blobs, federation, samples

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


def batches_of(world: World) -> Batches:
    f = world.federation
    rows = torch.from_numpy(f.train.rows(0))
    return samples(f.x[rows], f.y[rows], batch_size=4)


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


METHODS: list[Method] = [
    FedAvg(lr=0.1),
    FedAvg(lr=0.05, solver="momentum:0.8"),
    FedAvg(lr=0.01, solver="adam"),
    FedProx(lr=0.1, mu=0.5),
    FedProx(lr=0.01, mu=0.5, solver="adam"),
    FedProx(lr=0.05, mu=0.5, solver="momentum:0.8"),
    Scaffold(lr=0.1),
    Ditto(lr=0.1, lam_rule="sum", lam=20.0),
    Ditto(lr=0.1, lam_rule="sum", lam=20.0, solver="momentum"),
    MOCHA(lr=0.1, lam=0.05),
    MOCHA(lr=0.05, lam=0.05, solver="momentum"),
    FedRep(lr=0.1),
    FedRep(lr=0.01, solver="adam"),
    FedRep(lr=0.05, solver="momentum"),
    PerFedAvg(hessian="none"),
    FedEM(lr=0.1),
    FedMTL(lr=0.1),
    FedMTL(lr=0.05, heads="full", solver="momentum"),
]
"""Every kind of step that is one function."""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("plan", [Plan("single", 1, 1), Plan("stacked", 4, 1)])
def test_steps_have_the_same_bits_before_and_after_they_are_recorded(
    method: Method, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a run that goes on from a checkpoint ends where it would have ended."""

    def trained() -> list[Tensor]:
        run = large().run(method, 12, batch_size=4, steps=3, plan=plan)
        return [*leaves(run.server), *leaves(run.states)]

    monkeypatch.setattr(traced_function, "CALLS_BEFORE_TRACING", 1 << 30)
    never = trained()
    monkeypatch.setattr(traced_function, "CALLS_BEFORE_TRACING", 2)
    soon = trained()
    assert all(map(torch.equal, never, soon))


def test_other_directions_and_solvers_are_not_taken_for_it() -> None:
    problem = blobs().problem
    whole = WholeGradient(problem)
    for solver in (sgd(0.25), momentum(0.25, 0.8), adam(0.25)):
        found = plain_descent(solver, problem.grad)
        assert found == PlainDescent(whole, Direction(problem.grad), solver)
    unknown = Solver(lambda w: SGDState(), lambda w, g, state: (w - g, state))
    assert plain_descent(unknown, problem.grad) is None
    assert plain_descent(sgd(0.25), lambda w, batch: problem.grad(w, batch)) is None
    assert plain_descent(sgd(0.25), problem.loss) is None
    assert plain_descent(sgd(0.25), proximal(problem.loss, problem.init(), 1.0)) is None

    class Doubled(Problem):
        def grad(self, w: Tensor, batch: Batch) -> Tensor:
            return 2 * super().grad(w, batch)

    assert plain_descent(sgd(0.25), Doubled(nn.Linear(2, 2)).grad) is None


def test_another_gradient_of_a_class_of_ones_own_is_followed_by_every_step() -> None:
    """As one that clips or adds noise."""

    class Seven(Problem):
        def grad(self, w: Tensor, batch: Batch) -> Tensor:
            return torch.full_like(w, 7.0)

    world = blobs()
    problem, batch = Seven(world.problem.module), batch_of(world)
    w = torch.ones_like(problem.init())
    expected = torch.full_like(w, 1 - 0.5 * 7)
    seen = SeenGradient(problem, lambda batch: batch, ())
    for gradient, given in ((seen, batch), (AdaptedGradient(problem, 0.1), (batch, batch))):
        assert gradient.steps is None
        assert torch.equal(gradient.descend(w, given, -0.5), expected)
    assert torch.equal(problem.descend(w, batch, -0.5), expected)


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
    same_at_once(FedAvg(lr=0.1), monkeypatch, sizes, work, kind)


@pytest.mark.parametrize("calls", [2, 1 << 30])
@pytest.mark.parametrize("sizes", [(40, 33, 26, 19), (50, 9, 8, 1)])
@pytest.mark.parametrize("method", METHODS[1:])
def test_so_it_does_with_momentum_terms_and_parts(
    method: Method, sizes: tuple[int, ...], calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traced_function, "CALLS_BEFORE_TRACING", calls)
    same_at_once(method, monkeypatch, sizes, LocalWork(epochs=2))


def same_at_once(
    method: Method,
    monkeypatch: pytest.MonkeyPatch,
    sizes: tuple[int, ...],
    work: LocalWork,
    kind: type[Problem] = Problem,
) -> None:
    """All steps at once, on rows, give the bits of one step after the other, in a stack."""
    plan = Plan("stacked", 4, 1)
    through, found = PlainDescent.through, []

    def watched(*given: Any) -> Any:
        found.append(through(*given))
        return found[-1]

    def trained(way: Any) -> Any:
        monkeypatch.setattr(PlainDescent, "through", way)
        return large(*sizes, kind=kind).run(method, 6, batch_size=8, plan=plan, work=work)

    at_once, step_by_step = trained(watched), trained(lambda *_: None)
    assert found
    assert None not in found
    for one, other in zip(
        (leaves(at_once.server), leaves(at_once.states)),
        (leaves(step_by_step.server), leaves(step_by_step.states)),
        strict=True,
    ):
        assert all(map(torch.equal, one, other))
    for mine, its in zip(at_once.history, step_by_step.history, strict=True):
        assert all(map(torch.equal, leaves(mine.ups), leaves(its.ups)))
        assert mine.gradients == its.gradients


@pytest.mark.parametrize("solver", [sgd(0.3), momentum(0.3, 0.8), adam(0.3)])
@pytest.mark.parametrize("number", [True, False])
@pytest.mark.parametrize("kind", ["proximal", "corrected", "both"])
def test_what_is_added_to_a_gradient_is_what_is_written_out_by_hand(
    kind: str, number: bool, solver: Solver
) -> None:
    world = blobs()
    problem, luck = world.problem, torch.Generator().manual_seed(3)
    w = problem.init()
    centre, correction = (torch.randn(w.shape, generator=luck, dtype=w.dtype) for _ in range(2))
    weight = 0.7 if number else torch.tensor(0.7, dtype=w.dtype)
    pull, shift = kind != "corrected", kind != "proximal"
    direction: Any = problem.grad
    direction = proximal(direction, centre, weight) if pull else direction
    direction = corrected(direction, correction) if shift else direction

    def by_hand(w: Tensor, batch: Batch) -> Tensor:
        return problem.grad(w, batch) + pull * 0.7 * (w - centre) + shift * correction

    batch = batch_of(world)
    torch.testing.assert_close(direction(w, batch), by_hand(w, batch), **ROUNDING)
    with torch.no_grad():
        found, expected = (
            optimise(solver, one, w, batches_of(world)) for one in (direction, by_hand)
        )
    torch.testing.assert_close(found, expected, **ROUNDING)


def test_an_adapted_gradient_is_that_on_the_second_batch_where_the_first_has_led() -> None:
    """f = (w - x)^2 / 2: w' = w - a (w - x1), and the gradient there is w' - x2."""
    problem = Problem.from_function(
        lambda w, x, y: 0.5 * (w[0] - x[:, 0]) ** 2, torch.zeros(1, dtype=torch.float64)
    )

    def number(x: float) -> Batch:
        one = torch.ones(1, dtype=torch.float64)
        return Batch(x * one[:, None], one, one, one.sum(), torch.arange(1))

    gradient, w = AdaptedGradient(problem, 0.25), torch.tensor([2.0], dtype=torch.float64)
    both = number(6.0), number(11.0)  # w' = 2 + 0.25 * 4 = 3
    assert gradient(w, both).tolist() == [-8.0]
    with torch.no_grad():
        for _ in range(traced_function.CALLS_BEFORE_TRACING + 2):
            assert gradient.descend(w, both, -0.5).tolist() == [6.0]
            elsewhere = gradient.descend(w, both, -0.5, at=torch.zeros_like(w))
            assert elsewhere.tolist() == [2 + 0.5 * 9.5]
    assert w.tolist() == [2.0]


def test_a_centre_that_has_been_reached_holds_on_to_the_last_bit() -> None:
    """Where the gradient is zero nothing moves, however many steps are taken."""
    w0 = torch.randn(50, generator=torch.Generator().manual_seed(0))
    problem = Problem.from_function(lambda w, x, y: 0 * (x @ w), w0)
    batch = Batch(
        torch.ones(2, 50), torch.ones(2), torch.ones(2), torch.tensor(2.0), torch.arange(2)
    )
    plain = plain_descent(sgd(0.1), proximal(problem.grad, w0, 0.01))
    assert isinstance(plain, PlainDescent)
    w: Tensor = w0
    with torch.no_grad():
        for _ in range(100):
            w, _ = plain.step(w, SGDState(), batch, over=False)
    assert torch.equal(w, w0)
