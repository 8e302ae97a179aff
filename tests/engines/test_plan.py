"""The plan of an engine: what decides it, and that it decides nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from unalike.core import Method, Problem
from unalike.core.local_work import LocalWork
from unalike.engines import machine
from unalike.engines.local import LocalEngine
from unalike.engines.memory import predict_memory, require_memory
from unalike.engines.plan import Plan, mode_for
from unalike.errors import InputError
from unalike.functional.trees import leaves, size_in_bytes
from unalike.methods import MEFL, MOCHA, FedAvg, PerFedAvg, Scaffold
from unalike.rounds import Round, rounds
from worlds import World, blobs


def history(world: World, method: Method, plan: Plan, times: int = 3) -> list[Round]:
    engine = world.engine(method, plan=plan, batch_size=4)
    server = method.init_server(engine.problem, engine.w, engine.population)
    loop = rounds(method, engine, server, cohort=len(engine), seed=0)
    return list(islice(loop, times))


def assert_same_bits(one: list[Round], other: list[Round]) -> None:
    for here, there in zip(one, other, strict=True):
        assert here.gradients == there.gradients
        for a, b in zip(leaves(here.server), leaves(there.server), strict=True):
            assert torch.equal(a, b)


def test_convolutions_go_one_by_one_on_a_cpu_only() -> None:
    convolving = Problem(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)))
    assert mode_for(convolving) == "single"
    assert mode_for(convolving, "cuda") == "stacked"
    assert mode_for(Problem(nn.Linear(3, 2))) == "stacked"
    bare = Problem.from_function(lambda w, x, y: (w - y) ** 2, torch.zeros(1))
    assert mode_for(bare) == "stacked"


@pytest.mark.parametrize(
    "plan",
    [Plan("stacked", 64, 1), Plan("stacked", 8, 2, compiled=True), Plan("single", 1, 2)],
)
def test_a_plan_is_read_back(plan: Plan) -> None:
    assert Plan.read(str(plan)) == plan
    assert Plan.read(f"{plan} to begin with") == plan


def test_a_text_that_is_no_plan() -> None:
    with pytest.raises(InputError, match="not a plan"):
        Plan.read("as fast as you can")


@pytest.mark.parametrize("method", [FedAvg(), Scaffold(), PerFedAvg(), MEFL()])
def test_chunks_and_threads_change_no_bit(method: Method) -> None:
    world = blobs(sizes=(12, 1, 30, 7, 20, 5, 9))
    whole = history(world, method, Plan("stacked", 64, 1))
    for chunk, threads in ((2, 1), (3, 2), (4, 1)):
        assert_same_bits(whole, history(world, method, Plan("stacked", chunk, threads)))


def test_traced_gradients_are_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    world = blobs(sizes=(12, 1, 30, 7))
    asked = history(world, MEFL(), Plan("stacked", 8, 1))
    monkeypatch.setattr("unalike.functional.traced_function.CALLS_BEFORE_TRACING", 2)
    engine = world.engine(MEFL(), plan=Plan("stacked", 8, 1), batch_size=4)
    server = MEFL().init_server(engine.problem, engine.w, engine.population)
    traced = list(islice(rounds(engine.method, engine, server, cohort=len(engine), seed=0), 3))
    assert_same_bits(asked, traced)
    mapped = engine.problem._gradient._mapped.values()
    kept = [(fn, function.fn) for function in mapped for fn in function._traced.values()]
    assert kept
    assert all(fn is not itself for fn, itself in kept)  # a trace, not the function itself


def test_two_threads_one_by_one_change_no_bit() -> None:
    world = blobs(sizes=(12, 1, 30, 7, 20))
    one = history(world, FedAvg(), Plan("single", 1, 1))
    assert_same_bits(one, history(world, FedAvg(), Plan("single", 1, 2)))


@pytest.mark.slow
def test_prediction_of_memory() -> None:
    """Against the resident memory of a process that does the work."""
    code = """
import sys, torch
sys.path[:0] = ["tests"]
from worlds import blobs
from unalike.engines.machine import peak_memory
from unalike.engines.memory import predict_memory
from unalike.engines.plan import Plan
from unalike.core.local_work import LocalWork
from unalike.methods import Local
from itertools import islice
from unalike.rounds import rounds
torch.set_num_threads(1)

def work(hidden):
    world = blobs(sizes=(20,) * 100, features=200, hidden=hidden)
    before = peak_memory()
    engine = world.engine(Local(), plan=Plan("stacked", 10, 1), batch_size=10)
    loop = rounds(Local(), engine, Local().init_server(engine.problem, engine.w,
        engine.population), cohort=10, seed=0)
    list(islice(loop, 5))
    said = predict_memory(Local(), world.problem, world.federation, engine.plan, cohort=10,
        batch_size=10, work=LocalWork(), rounds=5)
    return peak_memory() - before, said

work(2)
print(*work(1000))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=os.getcwd()
    )
    real, said = (int(number) for number in done.stdout.split())
    assert real / 2 < said < 2 * real


def test_memory_of_a_server_that_remembers_clients() -> None:
    world = blobs(sizes=(5,) * 40)
    said = predict_memory(
        MOCHA(),
        world.problem,
        world.federation,
        Plan("stacked", 2, 1),
        cohort=2,
        batch_size=4,
        work=LocalWork(),
        rounds=1,
        evaluated=False,
    )
    engine = world.engine(MOCHA())
    server = MOCHA().init_server(engine.problem, engine.w, engine.population)
    assert 2 * size_in_bytes(server) < said < 4 * size_in_bytes(server)


def test_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unalike.engines.memory.total_memory", lambda: 5_000_000)
    require_memory(4_000_000, "The run")
    with pytest.raises(
        InputError, match=r"The run would need about 6\.0 GB .* this machine has 5 MB"
    ):
        require_memory(6_000_000_000, "The run")
    monkeypatch.setattr("unalike.engines.memory.total_memory", lambda: None)
    require_memory(6_000_000_000, "The run")


def test_the_memory_of_the_machine_does_not_depend_on_what_is_free() -> None:
    before = machine.total_memory()
    held = torch.ones(50_000_000)
    assert machine.total_memory() == before
    assert before is None or before > held.nbytes


def test_devices() -> None:
    assert machine.device_named("cpu") == torch.device("cpu")
    assert machine.device_named("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(InputError, match="did you mean 'cuda'"):
        machine.device_named("cude")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="has no CUDA device"):
            machine.device_named("cuda")


def test_compiling_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match="--compile needs a C\\+\\+ compiler"):
        blobs().engine(FedAvg(), plan=Plan("stacked", 8, 1, compiled=True))


def test_cohorts_of_one_and_clients_without_samples() -> None:
    world = blobs(sizes=(4, 0, 6), validation=0, test=2)
    engine = world.engine(FedAvg(lr=0.1), plan=Plan("stacked", 8, 1), batch_size=2)
    server = FedAvg().init_server(engine.problem, engine.w, engine.population)
    alone = engine.train(1, np.asarray([0]), engine.broadcast(server, np.asarray([0])))
    together = engine.train(1, np.arange(3), engine.broadcast(server, np.arange(3)))
    torch.testing.assert_close(alone.ups[0], together.ups[0])
    assert torch.equal(together.ups[1], torch.zeros_like(server))
    assert (alone.gradients, together.gradients) == (4, 10)
    assert engine.population.weights[1] == 0
    assert len(engine.adapt(1, server)) == 0
    assert len(engine.predict(engine.personalise(1, server), np.arange(3), "validation").truth) == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", [FedAvg(), PerFedAvg()])
def test_compiled_is_eager_to_rounding(method: Method) -> None:
    world = blobs(sizes=(12, 12, 12, 12))
    eager = history(world, method, Plan("stacked", 4, 1))
    compiled = history(world, method, Plan("stacked", 4, 1, compiled=True))
    for here, there in zip(eager, compiled, strict=True):
        assert here.gradients == there.gradients
        torch.testing.assert_close(here.server, there.server)


def test_engine_keeps_the_users_problem_as_it_is() -> None:
    world = blobs()
    LocalEngine(
        FedAvg(),
        world.problem,
        world.federation,
        seed=0,
        batch_size=4,
        epochs=1,
        plan=Plan("stacked", 8, 1),
    )
    assert not world.problem.compiled
