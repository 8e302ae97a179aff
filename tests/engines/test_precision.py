"""In what precision clients train, and that nothing else is computed in it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from benchmarks.emulated_bf16 import emulated_bf16
from torch import Tensor, nn

from unalike.core import Problem
from unalike.engines import precision as precisions
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.engines.precision import reduces, require_precision
from unalike.errors import InputError
from unalike.functional.precision import Precision, can_be_set, computing_in, current_precision
from unalike.functional.traced_function import CALLS_BEFORE_TRACING, TracedFunction
from unalike.methods import FedAvg, PerFedAvg
from unalike.rounds import rounds
from worlds import World, blobs

CPU = torch.device("cpu")
backend: Any = torch.backends.mkldnn

settable = pytest.mark.skipif(not can_be_set(), reason="torch has the setting from 2.9 on")


def told() -> tuple[str, str]:
    return backend.matmul.fp32_precision, backend.conv.fp32_precision


@pytest.fixture
def mixed_settings() -> Any:
    """What a user may have told torch before."""
    before = told()
    backend.matmul.fp32_precision, backend.conv.fp32_precision = "ieee", "none"
    yield ("ieee", "none")
    backend.matmul.fp32_precision, backend.conv.fp32_precision = before


@settable
def test_torch_is_told_for_as_long_as_it_lasts(mixed_settings: tuple[str, str]) -> None:
    with computing_in("bf16"):
        assert (*told(), current_precision()) == ("bf16", "bf16", "bf16")
    assert (*told(), current_precision()) == (*mixed_settings, "float32")
    with pytest.raises(RuntimeError, match="mistake"), computing_in("bf16"):
        raise RuntimeError("a client's mistake")
    assert (*told(), current_precision()) == (*mixed_settings, "float32")
    with computing_in("float32"):
        assert (*told(), current_precision()) == (*mixed_settings, "float32")


def test_what_cannot_be_trained_so_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precisions, "can_be_set", lambda: True)
    monkeypatch.setattr(precisions, "reduces", lambda: True)
    require_precision("bf16", CPU)
    with pytest.raises(InputError, match=r"bf16 is for training on the CPU and not for cuda:1"):
        require_precision("bf16", torch.device("cuda:1"))
    with pytest.raises(InputError, match="models with float32 weights, and these are float64"):
        require_precision("bf16", CPU, torch.float64)
    monkeypatch.setattr(precisions, "reduces", lambda: False)
    with pytest.raises(InputError, match="bf16 would change nothing: this processor"):
        require_precision("bf16", CPU)
    monkeypatch.setattr(precisions, "can_be_set", lambda: False)
    with pytest.raises(InputError, match=r"needs torch 2\.9 or later and this is \d"):
        require_precision("bf16", CPU)
    require_precision("float32", torch.device("cuda:1"), torch.float64)


def test_an_engine_asks_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precisions, "can_be_set", lambda: True)
    monkeypatch.setattr(precisions, "reduces", lambda: True)
    world = blobs(sizes=(4, 4))
    double = Problem(nn.Linear(world.federation.x.shape[1], 3).double(), "cross_entropy")
    with pytest.raises(InputError, match="these are float64"):
        LocalEngine(
            FedAvg(),
            double,
            world.federation,
            seed=0,
            batch_size=2,
            plan=Plan("single", 1, 1),
            precision="bf16",
        )


def float32_world(*sizes: int, features: int = 6, hidden: int = 8) -> World:
    """Blobs of float32 numbers, as data usually are."""
    world = blobs(sizes=sizes, features=features, hidden=hidden)
    module: Any = world.problem.module
    return World(Problem(module.float()), replace(world.federation, x=world.federation.x.float()))


class Witness(nn.Module):
    """A linear model that notes in what precision it is called; all its copies share the notes."""

    seen: ClassVar[set[str]] = set()

    def __init__(self, features: int) -> None:
        super().__init__()
        self.head = nn.Linear(features, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.seen.add(current_precision())
        return self.head(x)


@settable
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_clients_train_in_it_and_everything_else_is_float32(
    precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precisions, "reduces", lambda: True)
    world = float32_world(6, 6, 6)
    module = Witness(world.federation.x.shape[1])
    engine = LocalEngine(
        PerFedAvg(),
        Problem(module, "cross_entropy"),
        world.federation,
        seed=0,
        batch_size=2,
        plan=Plan("single", 1, 2),
        precision=precision,
    )
    seen, ids = Witness.seen, np.arange(len(engine))
    server = engine.method.init_server(engine.problem, engine.w, engine.population)
    seen.clear()
    engine.train(1, ids, engine.broadcast(server, ids))
    assert seen == {precision}
    seen.clear()
    personal = engine.personalise(1, server)
    engine.adapt(1, server)
    engine.predict(personal, ids, "validation")
    engine.gradients_at(engine.w, ids)
    assert seen == {"float32"}


def trained(world: World, precision: Precision, plan: Plan) -> Tensor:
    engine = LocalEngine(
        FedAvg(lr=0.1),
        world.problem,
        world.federation,
        seed=0,
        batch_size=4,
        plan=plan,
        precision=precision,
    )
    server = FedAvg().init_server(engine.problem, engine.w, engine.population)
    loop = rounds(engine.method, engine, server, cohort=len(engine), seed=0)
    last = list(islice(loop, 2))[-1].server
    assert isinstance(last, Tensor)
    return last


@settable
@pytest.mark.parametrize("plan", [Plan("stacked", 8, 1), Plan("single", 1, 1)])
def test_training_in_bf16_is_training_in_float32_to_its_rounding(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = float32_world(12, 12, 12, features=32, hidden=64)
    exact = trained(world, "float32", plan)
    with emulated_bf16():
        rounded = trained(world, "bf16", plan)
        monkeypatch.setattr("unalike.functional.traced_function.CALLS_BEFORE_TRACING", 2)
        again = float32_world(12, 12, 12, features=32, hidden=64)
        assert torch.equal(trained(again, "bf16", plan), rounded)  # recorded gradients
    assert torch.equal(trained(world, "float32", plan), exact)
    away = float((rounded - exact).norm() / (exact - world.problem.init(0)).norm())
    assert 1e-5 < away < 0.05


@settable
def test_a_recorded_function_is_recorded_anew_in_another_precision() -> None:
    calls = []

    def product(a: Tensor, b: Tensor) -> Tensor:
        calls.append(current_precision())
        return a @ b

    function, a = TracedFunction(product), torch.randn(5, 5)
    with torch.no_grad():
        for _ in range(CALLS_BEFORE_TRACING + 1):
            function(a, a)
        recorded = len(calls)
        function(a, a)
        assert len(calls) == recorded
        with computing_in("bf16"):
            function(a, a)
        assert calls[recorded:] == ["bf16"]
        function(a, a)
    assert calls[recorded:] == ["bf16"]


@pytest.mark.skipif(not can_be_set() or not reduces(), reason="needs a processor with bf16")
def test_threads_change_no_bit_in_bf16() -> None:
    world = float32_world(40, 30, 20, features=64, hidden=128)
    one = trained(world, "bf16", Plan("single", 1, 1))
    assert torch.equal(trained(world, "bf16", Plan("single", 1, 2)), one)
    assert not torch.equal(trained(world, "float32", Plan("single", 1, 1)), one)
