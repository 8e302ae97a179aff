"""What clients' own models say: the models that are asked, and how often."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from test_every_method import every_method, trial
from unalike.engines.local import LocalEngine
from unalike.engines.personal_prediction import PersonalPredictor, source_of
from unalike.engines.plan import Plan
from unalike.engines.prediction import Predictor, alike, at_once, padded_length
from unalike.functional.trees import leaves
from unalike.methods import Ditto, FedAvg, FedPer, FineTuning, Local, Scaffold
from worlds import SINGLE, STACKED, blobs

PARTS = ("test", "validation")


@every_method
def test_blocks_say_what_all_models_at_once_say(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unalike.engines.personal_prediction.BLOCK_NUMBERS", 1)
    done = trial(name).trained(2, plan=STACKED)
    engine, models = done.engine, PersonalPredictor(done.engine)
    lookups = [models.lookup(part) for part in PARTS]
    found = models.predict(2, done.server, lookups)
    personal = engine.personalise(2, done.server)
    for part, here in zip(PARTS, found.of, strict=True):
        there = engine.predict(personal, engine.rows, part)
        assert torch.equal(here.truth, there.truth)
        torch.testing.assert_close(here.output, there.output, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(here.losses, there.losses, rtol=1e-9, atol=1e-9)
    if found.shared is not None:
        one = leaves(found.shared)[0]
        assert all(torch.equal(one, mine) for mine in leaves(personal)[0])


def engine_of(method: Any, plan: Plan = STACKED) -> tuple[LocalEngine, Any]:
    engine = blobs(sizes=(12, 1, 30, 7, 20), newcomers=(3,)).engine(method, plan=plan, batch_size=4)
    server = engine.method.init_server(engine.problem, engine.w, engine.population)
    return engine, server


@pytest.mark.parametrize("plan", [STACKED, SINGLE])
@pytest.mark.parametrize(
    ("method", "source"),
    [
        (FedAvg(), "message"),
        (Scaffold(), "message"),
        (Local(), "state"),
        (Ditto(), "state"),
        (FedPer(), "work"),
        (FineTuning(), "work"),
    ],
)
def test_where_the_model_of_a_client_comes_from(method: Any, source: str, plan: Plan) -> None:
    engine, server = engine_of(method, plan)
    assert source_of(*engine.personalise_one(1, server)) == source
    found = PersonalPredictor(engine).predict(1, server, [])
    assert (found.shared is not None) == (source == "message")


def test_a_model_of_all_is_asked_once_and_never_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, server = engine_of(FedAvg())
    monkeypatch.setattr(engine, "personalise_some", None)
    monkeypatch.setattr(Predictor, "put_own", None)
    models = PersonalPredictor(engine)
    found = models.predict(1, server, [models.lookup("test")])
    assert torch.equal(found.shared, server)
    ids = engine.federation.test.of_rows(engine.rows).values
    logits = engine.problem.logits(server, engine.federation.x_test[ids])
    exact = functional.cross_entropy(logits, engine.federation.y_test[ids], reduction="none")
    torch.testing.assert_close(found.of[0].losses, exact)
    assert found.of[0].sizes.tolist() == engine.federation.test.sizes[engine.rows].tolist()


@pytest.mark.parametrize("most", [1, 5, 1000])
def test_however_many_samples_are_asked_about_at_once(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, server = engine_of(FedAvg())
    models = PersonalPredictor(engine)
    (usual,) = models.predict(1, server, [models.lookup("test")]).of
    monkeypatch.setattr("unalike.engines.prediction.at_once", lambda x: most)
    (found,) = models.predict(1, server, [models.lookup("test")]).of
    assert torch.equal(found.truth, usual.truth)
    torch.testing.assert_close(found.output, usual.output)
    torch.testing.assert_close(found.losses, usual.losses)


def test_many_small_samples_are_asked_about_at_once() -> None:
    shapes = {(1,): 4096, (64,): 4096, (100,): 2621, (3, 32, 32): 1024}
    for shape, most in shapes.items():
        assert at_once(torch.zeros(2, *shape)) == most
        assert at_once(torch.zeros(0, *shape)) == 4096


@pytest.mark.parametrize("method", [Local(), Ditto()])
@pytest.mark.parametrize("plan", [STACKED, SINGLE])
def test_only_those_who_trained_are_asked_again(
    method: Any, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, server = engine_of(method, plan)
    models = PersonalPredictor(engine)
    lookups = [models.lookup(part) for part in PARTS]
    asked: list[list[int]] = []
    honest = engine.personalise_some

    def noted(t: int, ids: Any, downs: Any) -> Any:
        asked.append(sorted(ids.tolist()))
        return honest(t, ids, downs)

    monkeypatch.setattr(engine, "personalise_some", noted)
    before = models.predict(1, server, lookups)
    ids = np.asarray([2, 0])
    engine.train(1, ids, engine.broadcast(server, ids))
    after = models.predict(2, server, lookups)
    models.predict(3, server, lookups)
    assert asked == [[0, 1, 2, 3], [0, 2]]
    anew = PersonalPredictor(engine).predict(2, server, lookups)
    for known, fresh in zip(after.of, anew.of, strict=True):
        assert torch.equal(known.output, fresh.output)
        assert torch.equal(known.losses, fresh.losses)
    assert not torch.equal(before.of[0].output, after.of[0].output)


def test_new_clients_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = blobs(sizes=(12, 1, 30, 7, 20), newcomers=(1, 3, 4)).engine(Local(), batch_size=4)
    server = Local().init_server(engine.problem, engine.w, engine.population)
    at_once = engine.predict(engine.adapt(1, server), engine.new_rows, "test")
    monkeypatch.setattr("unalike.engines.personal_prediction.BLOCK_NUMBERS", 1)
    found = PersonalPredictor(engine).predict_new(1, server)
    assert torch.equal(found.output, at_once.output)
    assert found.sizes.tolist() == at_once.sizes.tolist()


def test_no_model_is_alone_in_a_stack_and_every_sample_is_asked_for() -> None:
    sizes = np.asarray([0, 1, 2, 3, 3, 5, 6, 7, 9, 100, 4000])
    groups = alike(sizes, 50, alone=False)
    assert min(len(group.clients) for group in groups) == 2
    assert sorted({int(i) for group in groups for i in group.clients}) == list(range(1, 11))
    for group in groups:
        assert (padded_length(sizes[group.clients]) == group.length).all()
        assert group.length * len(group.clients) <= 50 or len(group.clients) == 2
    assert [len(group.clients) for group in alike(sizes, 50, alone=True, empty=True)] == [1] * 11


def test_padding_is_at_most_half_and_never_depends_on_others() -> None:
    sizes = np.arange(1, 5000)
    lengths = padded_length(sizes)
    assert (lengths >= sizes).all()
    assert (lengths < 1.5 * sizes + 1).all()
    assert padded_length(np.asarray([1, 2, 3, 4, 5, 7, 9, 13])).tolist() == [
        1,
        2,
        3,
        4,
        6,
        8,
        12,
        16,
    ]


@every_method
def test_own_models_need_neither_all_clients_nor_batches_at_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unalike.engines.personal_prediction.BLOCK_NUMBERS", 1)
    done = trial(name).trained(2, plan=STACKED)
    engine = done.engine
    blocks = list(PersonalPredictor(engine).models(2, done.server))
    monkeypatch.setattr(engine, "_personalises_without_samples", False)
    whole = leaves(engine.personalise(2, done.server))
    asked = set()
    for clients, models in blocks:
        asked.update(clients.tolist())
        for mine, known in zip(leaves(models), whole, strict=True):
            assert torch.equal(mine.expand(len(clients), *mine.shape[1:]), known[clients])
    assert asked == set(range(len(engine)))


@pytest.mark.parametrize("method", [FedPer(), FineTuning()])
def test_clients_that_never_trained_are_asked_for_one_model(
    method: Any,
) -> None:
    engine, server = engine_of(method)
    ids = np.asarray([2])
    engine.train(1, ids, engine.broadcast(server, ids))
    whole = leaves(engine.personalise(1, server))[0]
    found = list(PersonalPredictor(engine).models(1, server))
    if isinstance(method, FedPer):
        assert len(found) == 2
        assert found[0].clients.tolist() == [0, 1, 3]
        assert leaves(found[0].models)[0].shape[0] == 1
    else:
        assert len(found) == 1
    for clients, models in found:
        rows = leaves(models)[0]
        assert torch.equal(rows.expand(len(clients), *rows.shape[1:]), whole[clients])


def test_changed_states_are_all_that_another_engine_needs() -> None:
    engine, server = engine_of(Local())
    ids = np.asarray([3, 1])
    engine.train(1, ids, engine.broadcast(server, ids))
    changed = engine.changed_states
    assert changed.clients.tolist() == [1, 3]
    assert len(changed.states.w) == 2
    other, _ = engine_of(Local())
    other.restore_changed(changed)
    assert torch.equal(other.states.w, engine.states.w)
