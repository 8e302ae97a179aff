"""The contract that every registered method keeps.

Driven by the registry: a new method is tested as soon as it is registered, and fails until its own
test file declares a `Contract`, which says what it sends and, where the usual small world does not
suit it, in which world and with which settings it is tried.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from functools import cache
from itertools import islice
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import torch
from torch import Tensor

from contract import Size, contract_of
from unalike.core import Cohort, Method, Problem, local_steps, stacked_steps
from unalike.engines import client_data
from unalike.engines.local import LocalEngine
from unalike.engines.plan import Plan
from unalike.engines.serialised import SerialisedEngine, from_bytes, to_bytes
from unalike.functional.trees import items, leaves, map_tree
from unalike.methods import METHODS
from unalike.rounds import rounds
from worlds import SINGLE, STACKED, Outcome, World

CLOSE = {"atol": 1e-9, "rtol": 1e-9}
every_method = pytest.mark.parametrize("name", METHODS)


def made(name: str, **settings: Any) -> Method:
    """The method with the settings of its contract."""
    return METHODS[name](**{**contract_of(name).settings, **settings})


def world(name: str, *args: Any, **kwargs: Any) -> World:
    """The world in which the method is tried."""
    return contract_of(name).world(*args, **kwargs)


def trained(name: str, times: int = 2, *, where: World | None = None, **options: Any) -> Outcome:
    """A short training with batches of 4."""
    options = {"batch_size": 4, "steps": 2} | options
    method = options.pop("method", None) or made(name)
    return (where or world(name)).run(method, times, **options)


@cache
def usual(name: str, mode: Literal["stacked", "single"] = "stacked") -> Outcome:
    """Two rounds in the usual world, shared by tests that do not change it."""
    return trained(name, 2, plan=STACKED if mode == "stacked" else SINGLE)


@cache
def usual_personal(name: str, mode: Literal["stacked", "single"] = "stacked") -> Any:
    """What the clients predict with after it."""
    return usual(name, mode).personal()


def copy_of(tree: Any) -> Any:
    return map_tree(torch.clone, tree)


def same(a: Any, b: Any) -> bool:
    """Whether two trees are equal bit for bit."""
    pairs = zip(items(a), items(b), strict=True)
    return all(
        n == m and x.dtype == y.dtype and torch.equal(x.nan_to_num(7.5), y.nan_to_num(7.5))
        for (n, x), (m, y) in pairs
    )


def close(a: Any, b: Any) -> None:
    for (name, x), (_, y) in zip(items(a), items(b), strict=True):
        torch.testing.assert_close(x, y, **CLOSE, msg=lambda m, name=name: f"{name}: {m}")


def finite(tree: Any) -> bool:
    return all(bool(torch.isfinite(leaf).all()) for leaf in leaves(tree))


@every_method
def test_stacked_is_one_by_one(name: str) -> None:
    stacked, single = usual(name), usual(name, "single")
    close(stacked.server, single.server)
    close(stacked.states, single.states)
    close(usual_personal(name), usual_personal(name, "single"))
    assert [r.gradients for r in stacked.history] == [r.gradients for r in single.history]
    assert min(r.gradients for r in stacked.history) > 0


@every_method
def test_leaving_the_stack_changes_no_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that stay to the end and are masked, and clients that leave as soon as can be."""
    known = usual(name)
    with monkeypatch.context() as patch:
        patch.setattr(local_steps, "stack_of", lambda tensor: None)
        masked = trained(name, 2, plan=STACKED)
    monkeypatch.setattr(stacked_steps, "WORTH", 0)
    monkeypatch.setattr(stacked_steps, "SIZES", range(2, 100))
    left = trained(name, 2, plan=STACKED)
    for other in (masked, left):
        assert same(known.server, other.server)
        assert same(known.states, other.states)
        assert same(known.history[-1].ups, other.history[-1].ups)
        assert [r.gradients for r in known.history] == [r.gradients for r in other.history]


@every_method
@pytest.mark.parametrize("mode", ["stacked", "single"])
def test_chunks_and_threads_change_no_bit(name: str, mode: Literal["stacked", "single"]) -> None:
    known, personal = usual(name, mode), usual_personal(name, mode)
    for chunk, threads in ((2, 1), (3, 2)) if mode == "stacked" else ((1, 2),):
        other = trained(name, 2, plan=Plan(mode, chunk, threads))
        assert same(known.server, other.server), (chunk, threads)
        assert same(known.states, other.states), (chunk, threads)
        assert same(personal, other.personal()), (chunk, threads)
        assert [r.gradients for r in known.history] == [r.gradients for r in other.history]


@every_method
def test_bytes_in_between_change_no_bit(name: str) -> None:
    options: dict[str, Any] = {"plan": SINGLE, "cohort": 4, "dropout": 0.2, "seed": 3}
    here = trained(name, 2, **options)
    wire = trained(name, 2, kind=SerialisedEngine, **options)
    assert same(here.server, wire.server)
    assert same(here.states, wire.states)
    assert same(here.personal(), wire.personal())
    assert isinstance(wire.engine, SerialisedEngine)
    payload = sum(r.bytes_up for r in wire.history)
    assert payload <= wire.engine.received <= payload + 2000 * 4 * 2


@every_method
def test_the_same_seed_is_the_same_run_and_touches_no_other_randomness(name: str) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    again = trained(name, 2)
    assert same(usual(name).server, again.server)
    assert same(usual_personal(name), again.personal())
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])


@every_method
def test_inputs_are_left_alone(name: str) -> None:
    outcome = trained(name, 1, method=watched(made(name)), plan=SINGLE)
    outcome.personal()
    assert outcome.engine.method.seen >= {"client_update", "server_update", "personalise"}


def watched(method: Method) -> Any:
    """The method, asserting that its verbs change none of the trees that they are given."""
    cls: Any = type(method)
    verbs = ("broadcast", "client_update", "server_update", "personalise", "adapt", "predict")
    seen: set[str] = set()

    def watch(verb: str) -> Callable[..., Any]:
        def call(self: Any, *args: Any) -> Any:
            given = [leaf for argument in args for leaf in tensors(argument)]
            before = [leaf.clone() for leaf in given]
            result = getattr(cls, verb)(self, *args)
            assert all(map(torch.equal, before, given)), f"{verb} changed what it was given"
            seen.add(verb)
            return result

        return call

    body = {verb: watch(verb) for verb in verbs} | {"seen": seen}
    body["broadcast"] = cls.broadcast  # always under vmap
    return type(f"Watched{cls.__name__}", (cls,), body)(
        **{f.name: getattr(method, f.name) for f in fields(cls)}
    )


def tensors(tree: Any) -> list[Tensor]:
    """The tensors in an argument of any kind."""
    if isinstance(tree, Tensor):
        return [tree]
    return [leaf for part in tree for leaf in tensors(part)] if isinstance(tree, tuple) else []


@every_method
def test_the_order_of_the_answers_is_irrelevant(name: str) -> None:
    outcome = usual(name)
    last, method = outcome.history[-1], outcome.engine.method
    before = outcome.history[0].server
    turn = torch.tensor([3, 0, 5, 1, 4, 2])
    turned = Cohort(
        last.cohort.ids[turn],
        last.cohort.weights[turn],
        last.cohort.shares[turn],
        last.cohort.population,
    )
    ups = map_tree(lambda leaf: leaf[turn], last.ups)
    close(last.server, method.server_update(before, ups, turned))


@every_method
def test_padding_has_no_effect(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known, personal = usual(name), usual_personal(name)
    planted, garbage = with_garbage(world(name))
    honest = client_data.padded

    def padded(ragged: Any, rows: Any, device: Any) -> tuple[Tensor, Tensor]:
        ids, sizes = honest(ragged, rows, device)
        return torch.where(torch.arange(ids.shape[1]) < sizes[:, None], ids, garbage), sizes

    monkeypatch.setattr(client_data, "padded", padded)
    other = trained(name, 2, where=planted)
    assert same(known.server, other.server)
    assert same(known.states, other.states)
    assert same(personal, other.personal())


def with_garbage(clean: World) -> tuple[World, int]:
    """The world with one more resident sample, huge, that belongs to nobody; and its index."""
    f = clean.federation
    x = torch.cat([f.x, torch.full_like(f.x[:1], 1e9)])
    y = torch.cat([f.y, f.y.max(0, keepdim=True).values])
    return World(clean.problem, replace(f, x=x, y=y)), len(f.x)


@every_method
def test_a_client_does_not_feel_how_much_others_hold(name: str) -> None:
    small, large = world(name, (12, 1, 9)), world(name, (12, 1, 9, 300))
    found = []
    for where in (small, large):
        engine = where.engine(made(name), steps=2, batch_size=4)
        population = small.engine(made(name)).population
        server = engine.method.init_server(engine.problem, engine.w, population)
        ids = np.arange(3)
        answers = engine.train(1, ids, engine.broadcast(server, ids))
        found.append((answers.ups, map_tree(lambda leaf: leaf[:3], engine.states)))
    close(found[0][0], found[1][0])
    close(found[0][1], found[1][1])


@every_method
def test_stopped_and_continued_is_never_stopped(name: str) -> None:
    options: dict[str, Any] = {"cohort": 4, "dropout": 0.2, "seed": 2}
    whole = trained(name, 4, **options)
    begun = trained(name, 2, **options)
    fresh = world(name).engine(made(name), steps=2, batch_size=4, seed=2)
    blank = fresh.method.init_server(fresh.problem, fresh.w, fresh.population)
    server = from_bytes(to_bytes(begun.server), blank)
    fresh.restore(from_bytes(to_bytes(begun.states), fresh.states))
    loop = rounds(fresh.method, fresh, server, cohort=4, dropout=0.2, seed=2, first=3)
    rest = list(islice(loop, 2))
    assert [r.t for r in rest] == [3, 4]
    assert same(whole.server, rest[-1].server)
    assert same(whole.states, fresh.states)
    assert same(whole.personal(), fresh.personalise(4, rest[-1].server))


@every_method
def test_what_travels_is_what_is_declared(name: str) -> None:
    outcome, declared = usual(name), contract_of(name)
    problem = outcome.engine.problem
    assert declared.pooled == METHODS[name].pooled
    for r in outcome.history:
        count = len(r.cohort.ids)
        numbers = numbers_of(declared.down, problem) + declared.down_more
        assert r.bytes_down == 8 * count * numbers, "down"
        numbers = numbers_of(declared.up, problem) + declared.up_more
        assert r.bytes_up == 8 * count * numbers, "up"
    if declared.pooled:
        assert "training data" in header(name)["Wire"]


def numbers_of(size: Size, problem: Problem) -> int:
    return round(size * len(problem.init())) if isinstance(size, int | float) else size(problem)


@every_method
def test_no_private_number_is_sent(name: str) -> None:
    outcome = usual(name)
    engine, server = outcome.engine, outcome.server
    everyone = np.arange(len(engine))
    sent = [outcome.history[-1].ups, engine.broadcast(server, everyone)]
    numbers = [leaf.double().reshape(-1) for tree in sent for leaf in leaves(tree)]
    public = torch.cat([torch.zeros(1, dtype=torch.float64), *numbers])
    at_start = torch.cat([engine.w.double(), *(x.double().reshape(-1) for x in fresh(engine))])
    leaked = {
        field_name: int((torch.isin(leaf, public) & ~torch.isin(leaf, at_start)).sum())
        for field_name, leaf in items(engine.states)
        if leaf.is_floating_point()
    }
    if contract_of(name).secret:
        assert not any(leaked.values()), leaked
    else:
        assert any(leaked.values()), "its contract says secret=False, but nothing private is sent"


def fresh(engine: LocalEngine) -> list[Tensor]:
    return leaves(engine.method.init_client(engine.problem, engine.w))


EDGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one sample each": ({"sizes": (1, 1, 1)}, {}),
    "one sample beside many": ({"sizes": (1, 40, 2)}, {}),
    "no validation samples": ({"sizes": (6, 3, 9), "validation": 0}, {}),
    "a cohort of one": ({}, {"cohort": 1}),
    "one client": ({"sizes": (9,)}, {}),
    "half of the clients drop out": ({}, {"dropout": 0.5, "seed": 1}),
    "everybody drops out": ({}, {"dropout": 1.0}),
    "batches of one sample": ({"sizes": (5, 2, 3)}, {"batch_size": 1}),
}


@every_method
@pytest.mark.parametrize("edge", EDGES)
def test_edges(name: str, edge: str) -> None:
    where, options = EDGES[edge]
    outcome = trained(name, where=world(name, **where), **options)
    assert_sound(outcome)
    if edge == "everybody drops out":
        assert same(outcome.states, trained(name, 0).states)
        assert all(len(r.cohort.ids) == 0 for r in outcome.history)


@every_method
def test_one_class_only(name: str) -> None:
    clean = world(name, (6, 3, 9))
    f = clean.federation
    assert_sound(trained(name, where=World(clean.problem, replace(f, y=torch.zeros_like(f.y)))))


def assert_sound(outcome: Outcome) -> None:
    """Every number is finite, and the clients can predict."""
    assert finite(outcome.server)
    assert finite(outcome.states)
    engine = outcome.engine
    tested = engine.predict(outcome.personal(), engine.rows, "test")
    assert len(tested.output) == tested.sizes.sum() > 0
    assert torch.isfinite(tested.losses).all()


@every_method
def test_a_client_with_numbers_that_are_not_finite_is_rejected(name: str) -> None:
    clean = world(name)
    f = clean.federation
    x = f.x.clone()
    x[f.train.rows(2)] = torch.nan
    outcome = trained(name, where=World(clean.problem, replace(f, x=x)))
    for r in outcome.history:
        assert r.rejected.tolist() == [2]
        assert r.cohort.ids.tolist() == [0, 1, 3, 4, 5]
        assert float(r.cohort.weights.sum()) == pytest.approx(1)
    assert finite(outcome.server)
    untouched = outcome.engine.method.init_client(outcome.engine.problem, outcome.engine.w)
    assert same(map_tree(lambda leaf: leaf[2], outcome.states), untouched)
    assert finite(outcome.states)


@every_method
def test_the_absent_keep_their_state(name: str) -> None:
    outcome = trained(name, 1, cohort=2)
    away = np.setdiff1d(np.arange(6), outcome.history[0].cohort.ids.numpy())
    begun = trained(name, 0).states
    assert len(away) == 4
    assert same(
        map_tree(lambda leaf: leaf[away], outcome.states), map_tree(lambda leaf: leaf[away], begun)
    )


@every_method
def test_settings_are_a_value(name: str) -> None:
    method, twin = made(name), made(name)
    trained(name, method=method)
    assert method == twin
    assert hash(method) == hash(twin)
    for f in fields(method):
        with pytest.raises(FrozenInstanceError):
            setattr(method, f.name, None)


@every_method
def test_every_setting_says_what_it_means(name: str) -> None:
    for setting, hint in hints(name).items():
        assert get_origin(hint) is Annotated, f"{setting} has no meaning"
        meaning = [part for part in get_args(hint)[1:] if isinstance(part, str)]
        assert len(meaning) == 1, setting
        assert meaning[0].strip(), setting


def hints(name: str) -> dict[str, Any]:
    """The annotated types of a method's settings."""
    found = get_type_hints(METHODS[name], include_extras=True)
    return {f.name: found[f.name] for f in fields(METHODS[name])}


def header(name: str) -> dict[str, str]:
    """The three keys of a method's docstring."""
    text = sys.modules[METHODS[name].__module__].__doc__ or ""
    parts = re.split(r"^(Source|Wire|Ours)\s+", text, flags=re.MULTILINE)
    return {"idea": parts[0].strip()} | dict(zip(parts[1::2], parts[2::2], strict=True))


@every_method
def test_the_header_is_honest(name: str) -> None:
    said = header(name)
    assert list(said) == ["idea", "Source", "Wire", "Ours"]
    assert all(text.strip() for text in said.values()), said
    assert said["idea"].count("\n") <= 1
    assert said["idea"].endswith(".")
    years = re.findall(r"\b(?:19|20)\d\d\b", said["Source"])
    assert years or "no paper of its own" in said["Source"], "Source names no year"
    silent = contract_of(name).down == contract_of(name).up == 0
    assert said["Wire"].startswith("nothing") == silent


@every_method
def test_clients_that_never_trained(name: str) -> None:
    where = world(name, newcomers=(1, 4))
    outcome = trained(name, where=where)
    engine = outcome.engine
    assert engine.new_rows.tolist() == [1, 4]
    before = copy_of(outcome.states), copy_of(outcome.server)
    adapted = engine.adapt(3, outcome.server)
    assert same(before[0], outcome.states)
    assert same(before[1], outcome.server)
    tested = engine.predict(adapted, engine.new_rows, "test")
    assert tested.sizes.tolist() == where.federation.test.sizes[[1, 4]].tolist()
    assert torch.isfinite(tested.losses).all()
    alone = where.engine(made(name), steps=2, batch_size=4, plan=SINGLE)
    close(adapted, alone.adapt(3, outcome.server))


@every_method
def test_the_global_model_and_the_displacement(name: str) -> None:
    outcome = usual(name)
    engine, method = outcome.engine, outcome.engine.method
    model = method.global_model(outcome.server)
    if model is not None:
        tested = engine.predict_pooled(model, "test")
        assert torch.isfinite(tested.losses).all()
        assert len(tested.output) == len(engine.federation.pooled_test)
    moved = method.displacement(outcome.history[-1].ups)
    assert moved is None or moved.shape == (6, len(engine.w))
    assert isinstance(method.vacuous(engine.problem), str | None)


def variants() -> list[tuple[str, str, Any]]:
    """Every value of every setting that is a choice, but the default."""
    found = []
    for name in METHODS:
        for f in fields(METHODS[name]):
            kind = get_args(hints(name)[f.name])[0] if get_args(hints(name)[f.name]) else None
            values: tuple[Any, ...] = ()
            if get_origin(kind) is Literal:
                values = get_args(kind)
            elif kind is bool:
                values = (True, False)
            found += [(name, f.name, value) for value in values if value != f.default]
    return found


@pytest.mark.parametrize(("name", "setting", "value"), variants())
def test_every_choice_runs(name: str, setting: str, value: Any) -> None:
    method = made(name, **{setting: value})
    stacked = trained(name, method=method, steps=1)
    single = trained(name, method=method, steps=1, plan=SINGLE)
    assert_sound(stacked)
    close(stacked.server, single.server)
    close(stacked.personal(), single.personal())
