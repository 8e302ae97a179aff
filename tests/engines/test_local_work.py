"""Local work over rounds: closed forms in small worlds, and every method under all settings."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from contract import contract_of
from unalike.core import Method, descend
from unalike.core.local_work import LocalWork
from unalike.core.schedules import Exponential, Inverse, StepDecay
from unalike.core.work_check import check_local_work, with_momentum
from unalike.engines.plan import Plan
from unalike.errors import InputError
from unalike.functional.trees import items
from unalike.methods import METHODS
from unalike.methods.ditto import Ditto
from unalike.methods.fedavg import FedAvg
from unalike.methods.local import Local
from unalike.methods.pfedme import PFedMe
from unalike.methods.qfedavg import QFedAvg
from unalike.testing import Trial
from unalike.testing.laws import (
    bytes_in_between_change_no_bit,
    chunks_and_threads_change_no_bit,
    stacked_is_one_by_one,
    stopped_and_continued_is_never_stopped,
)
from worlds import SINGLE, STACKED, blobs, quadratics

A, C = (
    torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64),
    torch.tensor([1.0, -2.0]).double(),
)


def heavy_ball(w: Tensor, steps: int, lr: float, beta: float) -> Tensor:
    """One run of it on 1/2 (w - c)' A (w - c)."""
    v = torch.zeros_like(w)
    for _ in range(steps):
        v = beta * v + A @ (w - C)
        w = w - lr * v
    return w


@pytest.mark.parametrize("plan", [STACKED, SINGLE], ids=["stacked", "single"])
@pytest.mark.parametrize("cuts", [(1, 12), (3, 4), (12, 1)])
def test_lasting_momentum_is_one_long_run(cuts: tuple[int, int], plan: Plan) -> None:
    """For clients that are alike, however rounds cut their steps: FedAvg, Local, Ditto's v."""
    rounds, steps = cuts
    work = LocalWork(steps=steps, momentum=0.8, rounds=rounds)
    expected = heavy_ball(torch.zeros(2).double(), 12, 0.1, 0.8)
    world = quadratics([A, A], [C, C], sizes=[3, 1])
    for method in (FedAvg(), Local(), Ditto(lam=0.0)):
        out = world.run(with_momentum(method, work), rounds, work=work, plan=plan)
        torch.testing.assert_close(out.personal(), expected.expand(2, 2), rtol=1e-12, atol=0)


def test_momentum_that_does_not_last_is_another_run() -> None:
    world, steps = quadratics([A, A], [C, C]), LocalWork(steps=3, rounds=4)
    fresh = world.run(FedAvg(solver="momentum:0.8"), 4, work=steps).server
    assert not torch.allclose(fresh, heavy_ball(torch.zeros(2).double(), 12, 0.1, 0.8))


@pytest.mark.parametrize("schedule", [Exponential(rate=0.7), StepDecay(every=2), Inverse()])
def test_gradient_descent_with_the_step_sizes_of_its_rounds(schedule: Any) -> None:
    """w - c after t rounds of two steps: the product of (I - lr f(t) A)^2."""
    work = LocalWork(steps=2, schedule=schedule, rounds=5)
    expected = -C
    for t in range(1, 6):
        once = torch.eye(2).double() - 0.3 * schedule.factor(t, 5) * A
        expected = once @ once @ expected
    for method in (FedAvg(lr=0.3), Local(lr=0.3)):
        out = quadratics([A, A], [C, C]).run(method, 5, work=work)
        torch.testing.assert_close(out.personal() - C, expected.expand(2, 2), rtol=1e-12, atol=0)


def test_the_server_knows_the_step_size_of_the_round() -> None:
    """q-FedAvg's server divides by it: round 2 is a first round with half the step size."""
    work = LocalWork(steps=2, schedule=Exponential(rate=0.5), rounds=2)
    world = quadratics([1.0, 3.0], [0.0, 2.0], sizes=[3, 1], start=5.0)
    whole = world.run(QFedAvg(lr=0.1), 2, work=work)
    second = world.run(QFedAvg(lr=0.05), 1, work=LocalWork(steps=2), w=whole.history[0].server)
    torch.testing.assert_close(whole.server, second.server, rtol=1e-12, atol=0)


def test_pfedme_scales_the_step_that_its_preset_means() -> None:
    halved = PFedMe(lam=10.0).with_step_sizes(0.5)
    assert halved.eta == pytest.approx(0.05)
    assert halved.rho is None


def test_half_epochs_go_on() -> None:
    """Two rounds of half an epoch are a pass over all samples, as are K steps."""
    world = blobs((8, 8), validation=0)
    halves = world.run(Local(), 2, work=LocalWork(0.5), batch_size=2)
    steps = world.run(Local(), 1, work=LocalWork(steps=4), batch_size=2)
    assert torch.equal(halves.personal(), steps.personal())
    more = world.run(Local(), 2, work=LocalWork(steps=2), batch_size=2)
    assert torch.equal(more.personal(), steps.personal())
    assert [r.gradients for r in halves.history] == [8, 8]


def test_a_client_that_is_not_asked_does_not_go_on() -> None:
    """Only steps that are done are counted."""
    out = blobs((8, 8, 8, 8)).run(FedAvg(), 3, work=LocalWork(steps=3), cohort=2, batch_size=2)
    asked = np.bincount(torch.cat([r.cohort.ids for r in out.history]).numpy(), minlength=4)
    assert out.states.steps.tolist() == (3 * asked).tolist()


def test_slow_clients_do_whole_epochs_and_not_all_of_them() -> None:
    """FedProx's stragglers: what is counted is what FedNova hears of steps."""
    work = LocalWork(4, slow=0.6)
    world = blobs((8, 8, 8, 8, 8, 8), validation=0)
    heard = [
        r.ups.steps for r in world.run(METHODS["fednova"](), 6, work=work, batch_size=4).history
    ]
    steps = torch.stack(heard)
    assert set(steps.unique().tolist()) == {2.0, 4.0, 6.0, 8.0}
    assert not torch.equal(steps[0], steps[1])
    full = world.run(FedAvg(), 2, work=LocalWork(4), batch_size=4)
    never = world.run(FedAvg(), 2, work=LocalWork(4, slow=1e-12), batch_size=4)
    assert torch.equal(full.server, never.server), "counted epochs are epochs, bit for bit"


def test_new_clients_adapt_with_the_steps_of_the_settings() -> None:
    """Unless their adaptation is what the others do before they predict."""
    work = LocalWork(schedule=Exponential(rate=0.5), rounds=9)
    world = blobs((8, 8, 8), newcomers=(2,))
    for name, alike in (("local", True), ("reptile", False)):
        method = METHODS[name]()
        usual, scheduled = (world.engine(method, work=w, batch_size=4) for w in (None, work))
        server = usual.method.init_server(usual.problem, usual.w, usual.population)
        found = torch.equal(scheduled.adapt(5, server), usual.adapt(5, server))
        assert found == alike, name


def work_of(name: str) -> LocalWork:
    """All settings of local work that suit the method."""
    method = METHODS[name](**contract_of(name).settings)
    work = LocalWork(steps=3, rounds=4)
    more: list[dict[str, Any]] = [
        {"schedule": Exponential(rate=0.5)},
        {"momentum": 0.5},
        {"slow": 0.4},
    ]
    for one in more:
        wider = LocalWork(**{**vars(work), **one})
        try:
            check_local_work(method, wider)
        except InputError:
            continue
        work = wider
    return work


@cache
def trial(name: str) -> Trial:
    return Trial(METHODS[name], contract_of(name), (12, 1, 7, 5), work=work_of(name))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_its_contract(name: str) -> None:
    one = trial(name)
    stacked_is_one_by_one(one)
    chunks_and_threads_change_no_bit(one, "stacked")
    stopped_and_continued_is_never_stopped(one)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.slow
def test_every_method_with_bytes_in_between(name: str) -> None:
    bytes_in_between_change_no_bit(trial(name))
    chunks_and_threads_change_no_bit(trial(name), "single")


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.slow
def test_every_method_takes_the_settings_up(name: str) -> None:
    """Whatever is not refused makes a difference."""
    plain, work = METHODS[name](**contract_of(name).settings), work_of(name)
    if plain.own_work() is not None:
        assert work.slow == 0
        return
    where = contract_of(name).world((12, 7, 5))

    def personal(work: LocalWork) -> list[Tensor]:
        out = where.run(with_momentum(plain, work), 2, work=work, batch_size=4)
        return [leaf for _, leaf in items(out.personal())]

    base = LocalWork(steps=3, rounds=4)
    for setting in ("schedule", "momentum", "slow"):
        if vars(work)[setting] != vars(base)[setting]:
            changed = LocalWork(**{**vars(base), setting: vars(work)[setting]})
            pairs = zip(personal(base), personal(changed), strict=True)
            assert not all(torch.equal(a, b) for a, b in pairs), setting


REFUSED = {
    "local_momentum": (
        "fednova",
        "ifca",
        "mefl",
        "per_fedavg",
        "pfedme",
        "qfedavg",
        "qfedsgd",
        "scaffold",
        "uga",
    ),
    "lr_schedule": ("mefl",),
    "slow_clients": ("mefl", "qfedsgd"),
}
WORKS = {
    "local_momentum": LocalWork(momentum=0.5),
    "lr_schedule": LocalWork(schedule=Inverse()),
    "slow_clients": LocalWork(3, slow=0.5),
}


def refusal(method: Method, work: LocalWork) -> str | None:
    try:
        check_local_work(method, work)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("setting", REFUSED)
def test_what_does_not_suit_says_why(setting: str) -> None:
    told = {name: refusal(cls(), WORKS[setting]) for name, cls in METHODS.items()}
    refused = {name: text for name, text in told.items() if text is not None}
    assert tuple(sorted(refused)) == REFUSED[setting]
    for name, text in refused.items():
        assert text.startswith(f"{setting} does not suit {name}: ")
        assert text.endswith("; leave one of the two out.")
        assert "\n" not in text


def test_a_solver_of_its_own_and_momentum_are_said_once() -> None:
    with pytest.raises(InputError, match="solver = 'adam' of its own; leave one of the two out"):
        check_local_work(FedAvg(solver="adam"), LocalWork(momentum=0.5))
    dual = METHODS["mocha"](form="dual", lam=0.1)  # type: ignore[call-arg]
    with pytest.raises(InputError, match="coordinate by coordinate"):
        check_local_work(dual, LocalWork(schedule=Inverse()))
    steps = METHODS["reptile"](inner_steps=5)  # type: ignore[call-arg]
    with pytest.raises(InputError, match="its work is inner_steps = 5, of which no part"):
        check_local_work(steps, LocalWork(3, slow=0.5))


def test_a_method_must_tell_of_all_of_its_solvers() -> None:
    class Twice(FedAvg):
        def client_update(self, problem: Any, down: Any, client: Any, batches: Any) -> Any:
            _, first = super().client_update(problem, down, client, batches)
            _, second = super().client_update(problem, down, client, batches)
            return client, first + second

    class Never(FedAvg):
        def client_update(self, problem: Any, down: Any, client: Any, batches: Any) -> Any:
            return client, descend(lambda w, b: w - problem.grad(w, b), down, batches) - down

    work = LocalWork(momentum=0.5)
    for method, number in ((Twice(), 2), (Never(), 1)):
        with pytest.raises(InputError, match=f"solvers that it uses differ from number {number}"):
            quadratics([A, A], [C, C]).run(with_momentum(method, work), 1, work=work)
