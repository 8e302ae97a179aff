"""The clients of a federation in one process."""

import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from unalike.data.ragged import Ragged
from unalike.engines.chunks import Chunks
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.engines.serialised import SerialisedEngine
from unalike.functional.trees import leaves
from unalike.methods import FedAvg, Local, Scaffold
from worlds import SINGLE, STACKED, World, blobs, quadratics

CLOSE = {"atol": 1e-12, "rtol": 1e-12}


def engine(world: World | None = None, method: Any = None, **options: Any) -> LocalEngine:
    return (world or blobs()).engine(method or FedAvg(), batch_size=4, **options)


def test_who_trains() -> None:
    e = engine(blobs(newcomers=(1, 4)))
    assert len(e) == e.population.size == 4
    assert e.rows.tolist() == [0, 2, 3, 5]
    assert e.new_rows.tolist() == [1, 4]
    own = torch.tensor([12, 30, 7, 5], dtype=torch.float64)
    torch.testing.assert_close(e.population.weights, own / own.sum())


def test_given_weights_and_start() -> None:
    weights = torch.full((6,), 1 / 6, dtype=torch.float64)
    w = torch.arange(83, dtype=torch.float64)
    e = engine(weights=weights, w=w)
    assert torch.equal(e.population.weights, weights)
    assert torch.equal(e.w, w)


def test_initial_weights_come_from_the_seed() -> None:
    assert torch.equal(engine(seed=1).w, engine(seed=1).w)
    assert not torch.equal(engine(seed=1).w, engine(seed=2).w)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 17, 64, 65])
@pytest.mark.parametrize("chunk", [1, 2, 3, 64])
def test_no_client_is_stacked_alone(count: int, chunk: int) -> None:
    spread = Chunks(Plan("stacked", chunk, 1))
    sizes = np.random.default_rng(0).integers(1, 50, size=count)
    chunks = spread.split(sizes)
    assert sorted(np.concatenate(chunks).tolist()) == list(range(count))
    if count > 1:
        assert min(map(len, chunks)) > 1
    largest_first = sizes[np.concatenate(chunks)]
    assert (np.diff(largest_first) <= 0).all()


@pytest.mark.parametrize("plan", [STACKED, SINGLE, Plan("stacked", 2, 2)])
def test_gradients_at(plan: Plan) -> None:
    world = blobs((300, 4, 1))
    e = engine(world, plan=plan)
    found = e.gradients_at(e.w, np.asarray([2, 0]))
    for row, i in zip(found, (2, 0), strict=True):
        own = world.federation.train.rows(i)
        w = e.w.clone().requires_grad_()
        logits = world.problem.logits(w, world.federation.x[own])
        functional.cross_entropy(logits, world.federation.y[own]).backward()
        torch.testing.assert_close(row, w.grad, **CLOSE)


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize("plan", [STACKED, SINGLE, Plan("stacked", 2, 1)])
def test_predictions_of_own_models(part: str, plan: Plan) -> None:
    world = blobs((9, 4, 12, 3, 7))
    f = ragged_test(world).federation
    e = engine(World(world.problem, f), plan=plan)
    models = torch.randn(5, len(e.w), dtype=torch.float64)
    found = e.predict(models, e.rows, part)
    lists, x, y = (f.test, f.x_test, f.y_test) if part == "test" else (f.validation, f.x, f.y)
    assert found.sizes.tolist() == lists.sizes.tolist()
    start = 0
    for i in range(5):
        own, end = lists.rows(i), start + len(lists.rows(i))
        logits = world.problem.logits(models[i], x[own])
        assert torch.equal(found.output[start:end].argmax(1), logits.argmax(1))
        assert torch.equal(found.truth[start:end], y[own])
        exact = functional.cross_entropy(logits, y[own], reduction="none")
        torch.testing.assert_close(found.losses[start:end], exact, **CLOSE)
        start = end
    assert start == len(found.output)


def ragged_test(world: World) -> World:
    """The world with test lists of lengths 5, 0, 9, 1, 10."""
    f = world.federation
    test = Ragged.of(np.arange(25), np.asarray([5, 0, 9, 1, 10]))
    return World(world.problem, type(f)(**{**vars_of(f), "test": test}))


def vars_of(f: Any) -> dict[str, Any]:
    return {name: getattr(f, name) for name in f.__dataclass_fields__}


def test_predictions_of_one_model() -> None:
    world = blobs((900, 300, 40), test=400)
    e = engine(world)
    for part in ("test", "validation"):
        f = world.federation
        x, y, own = (
            (f.x_test, f.y_test, f.pooled_test)
            if part == "test"
            else (f.x, f.y, f.validation.values)
        )
        found = e.predict_pooled(e.w, part)
        logits = world.problem.logits(e.w, x[own])
        assert torch.equal(found.output.argmax(1), logits.argmax(1))
        assert torch.equal(found.truth, y[own])
        exact = functional.cross_entropy(logits, y[own], reduction="none")
        torch.testing.assert_close(found.losses, exact, **CLOSE)
        assert found.sizes.tolist() == [len(own)]


@pytest.mark.parametrize("kind", [LocalEngine, SerialisedEngine])
def test_only_those_who_trained_change(kind: type[LocalEngine]) -> None:
    e = engine(method=Local(), kind=kind)
    before = e.states.w.clone()
    e.train(
        1,
        np.asarray([4, 1]),
        e.broadcast(Local().init_server(e.problem, e.w, e.population), np.asarray([4, 1])),
    )
    changed = (e.states.w != before).any(1)
    assert changed.tolist() == [False, True, False, False, True, False]


@pytest.mark.parametrize("kind", [LocalEngine, SerialisedEngine])
def test_an_unsound_answer_leaves_no_trace(kind: type[LocalEngine]) -> None:
    world = quadratics([1, torch.nan, 3], [1, 1, 1])
    e = world.engine(Scaffold(), kind=kind)
    server = Scaffold().init_server(e.problem, e.w, e.population)
    ids = np.arange(3)
    answers = e.train(1, ids, e.broadcast(server, ids))
    assert answers.sound.tolist() == [True, False, True]
    assert answers.ups.delta_y.shape == (2, 1)
    assert torch.isfinite(e.states.c_i).all()
    assert e.states.c_i[1] == 0
    assert e.states.c_i[[0, 2]].all()
    alone = e.train(2, ids[1:2], e.broadcast(server, ids[1:2]))
    assert alone.sound.tolist() == [False]
    assert [len(leaf) for leaf in leaves(alone.ups)] == [0, 0]


def test_the_wire_counts_its_messages() -> None:
    e = engine(method=Scaffold(), kind=SerialisedEngine)
    assert isinstance(e, SerialisedEngine)
    server = Scaffold().init_server(e.problem, e.w, e.population)
    ids = np.arange(3)
    e.train(1, ids, e.broadcast(server, ids))
    payload = 3 * 2 * 8 * len(e.w)
    for bytes_sent in (e.sent, e.received):
        assert payload < bytes_sent < payload + 3 * 400


def test_each_purpose_and_round_draws_its_own_order() -> None:
    e = engine(blobs((40, 40)))
    ids = np.arange(2)
    downs = e.broadcast(e.w, ids)
    one, again, later = (e.train(t, ids, downs).ups for t in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, later)
    other_seed = blobs((40, 40)).engine(FedAvg(), batch_size=4, seed=9, w=e.w)
    assert not torch.equal(one, other_seed.train(1, ids, downs).ups)


@pytest.mark.parametrize("plan", [SINGLE, STACKED, Plan("stacked", 2, 2)])
def test_subnormal_numbers_count_as_zero_in_a_round_and_nowhere_else(plan: Plan) -> None:
    def after(slope: float) -> float:
        done = quadratics([slope] * 4, [1.0] * 4).run(FedAvg(lr=0.1 / slope), 1, plan=plan)
        return float(done.server)

    assert after(8 * sys.float_info.min) == pytest.approx(0.1)
    assert after(sys.float_info.min / 8) == 0
    assert torch.tensor(5e-324, dtype=torch.float64) * 1 > 0
