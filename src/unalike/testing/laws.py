"""The laws that every method keeps, each a function of a `Trial` that raises AssertionError.

Other laws, about edges and strangers, are in `edge_laws`; both are listed in `check_method`.
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from unalike.core import Cohort, Problem
from unalike.engines.plan import Plan
from unalike.engines.serialised import SerialisedEngine, from_bytes, to_bytes
from unalike.errors import InputError
from unalike.functional.trees import items, leaves, map_tree
from unalike.rounds import rounds

from .contract import Size
from .trees import close, equal
from .trial import Trial
from .watched_method import watched
from .worlds import SINGLE, blobs, quadratics


def stacked_is_one_by_one(trial: Trial) -> None:
    """Clients that are stacked by `torch.func.vmap` get what they get alone."""
    stacked, single = trial.usual(), trial.usual("single")
    close(stacked.server, single.server, "the server's state, stacked and one by one:")
    close(stacked.states, single.states, "the clients' states, stacked and one by one:")
    close(trial.usual_personal(), trial.usual_personal("single"), "personal models:")
    counts = [[r.gradients for r in outcome.history] for outcome in (stacked, single)]
    assert counts[0] == counts[1], f"gradients a round: {counts[0]} stacked, {counts[1]} alone"
    assert min(counts[0]) > 0, (
        "no gradient was taken: go through batches by `optimise` or `descend`"
    )


def chunks_and_threads_change_no_bit(trial: Trial, mode: Literal["stacked", "single"]) -> None:
    """How many clients are stacked at once, and on how many threads, is nobody's business."""
    known, personal = trial.usual(mode), trial.usual_personal(mode)
    for chunk, threads in ((2, 1), (3, 2)) if mode == "stacked" else ((1, 2),):
        other = trial.trained(2, plan=Plan(mode, chunk, threads))
        where = f"with chunks of {chunk} on {threads} threads"
        equal(known.server, other.server, f"the server's state {where}")
        equal(known.states, other.states, f"the clients' states {where}")
        equal(personal, other.personal(), f"personal models {where}")
        assert [r.gradients for r in known.history] == [r.gradients for r in other.history]


def bytes_in_between_change_no_bit(trial: Trial) -> None:
    """What travels is all that a client and the server know of each other."""
    options: dict[str, Any] = {
        "plan": SINGLE,
        "cohort": min(4, len(trial.sizes)),
        "dropout": 0.2,
        "seed": 3,
    }
    here = trial.trained(2, **options)
    wire = trial.trained(2, kind=SerialisedEngine, **options)
    equal(here.server, wire.server, "the server's state with messages as bytes")
    equal(here.states, wire.states, "the clients' states with messages as bytes")
    equal(here.personal(), wire.personal(), "personal models with messages as bytes")
    assert isinstance(wire.engine, SerialisedEngine)
    payload = sum(r.bytes_up for r in wire.history)
    assert payload <= wire.engine.received <= payload + 2000 * 4 * 2


def the_same_seed_is_the_same_run_and_touches_no_other_randomness(trial: Trial) -> None:
    """Random draws come from `batches`, never from torch or numpy."""
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    again = trial.trained(2)
    personal = again.personal()
    assert torch.equal(before[0], torch.get_rng_state()), "it drew from torch's random numbers"
    assert np.array_equal(before[1], np.random.get_state()[1]), (  # type: ignore[index]
        "it drew from numpy's random numbers"
    )
    equal(trial.usual().server, again.server, "the server's state in a second run")
    equal(trial.usual_personal(), personal, "personal models in a second run")


def inputs_are_left_alone(trial: Trial) -> None:
    """No verb changes a tensor that it is given."""
    outcome = trial.trained(1, method=watched(trial.made()), plan=SINGLE)
    outcome.personal()
    seen: Any = outcome.engine.method
    assert seen.seen >= {"client_update", "server_update", "personalise"}


def the_order_of_the_answers_is_irrelevant(trial: Trial) -> None:
    """The server gets the same from the same answers in another order."""
    outcome = trial.usual()
    last, method = outcome.history[-1], outcome.engine.method
    before = outcome.history[0].server
    turn = torch.arange(len(last.cohort.ids)).roll(1).flip(0)
    turned = Cohort(
        last.cohort.ids[turn],
        last.cohort.weights[turn],
        last.cohort.shares[turn],
        last.cohort.population,
    )
    ups = map_tree(lambda leaf: leaf[turn], last.ups)
    close(last.server, method.server_update(before, ups, turned), "the server's state:")


def stopped_and_continued_is_never_stopped(trial: Trial) -> None:
    """A checkpoint is (round, server, clients), and nothing is kept besides."""
    cohort = min(4, len(trial.sizes))
    options: dict[str, Any] = {"cohort": cohort, "dropout": 0.2, "seed": 2}
    whole = trial.trained(4, **options)
    begun = trial.trained(2, **options)
    world, work = trial.world(), trial.work
    fresh = world.engine(trial.made(), steps=2, batch_size=4, seed=2, work=work)
    blank = fresh.method.init_server(fresh.problem, fresh.w, fresh.population)
    server = from_bytes(to_bytes(begun.server), blank)
    fresh.restore(from_bytes(to_bytes(begun.states), fresh.states))
    again: dict[str, Any] = {**options, "work": fresh.work, "first": 3}
    loop = rounds(fresh.method, fresh, server, **again)
    rest = list(islice(loop, 2))
    assert [r.t for r in rest] == [3, 4]
    equal(whole.server, rest[-1].server, "the server's state after going on")
    equal(whole.states, fresh.states, "the clients' states after going on")
    personal = fresh.personalise(4, rest[-1].server)
    equal(whole.personal(), personal, "personal models after going on")


def what_travels_is_what_is_declared(trial: Trial) -> None:
    """Messages hold the numbers that the contract declares."""
    outcome, declared = trial.usual(), trial.contract
    problem = outcome.engine.problem
    assert declared.pooled == trial.cls.pooled
    for r in outcome.history:
        sent = (("down", r.bytes_down), ("up", r.bytes_up))
        for way, count in sent:
            size: Size | None = getattr(declared, way)
            if size is None:
                continue
            numbers = _numbers(size, problem) + getattr(declared, f"{way}_more")
            found = count / 8 / max(1, len(r.cohort.ids))
            assert found == numbers, f"{way}: {found:g} numbers are sent, {numbers} are declared"


def no_private_number_is_sent(trial: Trial) -> None:
    """No number of a client's state turns up in a message, unless `secret=False` says so."""
    outcome = trial.usual()
    engine, server = outcome.engine, outcome.server
    everyone = np.arange(len(engine))
    sent = [outcome.history[-1].ups, engine.broadcast(server, everyone)]
    numbers = [leaf.double().reshape(-1) for tree in sent for leaf in leaves(tree)]
    public = torch.cat([torch.zeros(1, dtype=torch.float64), *numbers])
    fresh = leaves(engine.method.init_client(engine.problem, engine.w))
    at_start = torch.cat([engine.w.double(), *(x.double().reshape(-1) for x in fresh)])
    leaked = {
        name: int((torch.isin(leaf, public) & ~torch.isin(leaf, at_start)).sum())
        for name, leaf in items(engine.states)
        if leaf.is_floating_point()
    }
    said = {name: count for name, count in leaked.items() if count}
    if trial.contract.secret:
        assert not said, f"numbers of a client's private state are sent: {said}"
    else:
        assert said, "its contract says secret=False, but nothing private is sent"


def the_absent_keep_their_state(trial: Trial) -> None:
    """Who is not drawn is not touched."""
    n = len(trial.sizes)
    cohort = max(1, n // 3)
    outcome = trial.trained(1, cohort=cohort)
    away = np.setdiff1d(np.arange(n), outcome.history[0].cohort.ids.numpy())
    assert len(away) == n - cohort
    begun = trial.trained(0).states
    now, then = (map_tree(lambda leaf: leaf[away], states) for states in (outcome.states, begun))
    equal(now, then, "the states of clients that were not drawn")


def settings_are_a_value(trial: Trial) -> None:
    """A method is equal to another with its settings, and training changes none of them."""
    method, twin = trial.made(), trial.made()
    trial.trained(method=method)
    assert method == twin, "training changed the method's settings"
    assert hash(method) == hash(twin)
    for field in fields(method):
        try:
            setattr(method, field.name, None)
        except FrozenInstanceError:
            continue
        raise AssertionError(f"{field.name} can be set: the class is no frozen dataclass")


def a_server_that_only_adds_up_needs_sums_alone(trial: Trial) -> None:
    """Where `needs_each` is None, other answers with the same weighted sum change nothing."""
    outcome = trial.usual()
    if trial.cls.needs_each is not None or len(trial.sizes) < 2:
        return
    first, last = outcome.history
    ups = map_tree(lambda leaf: replaced(leaf, last.cohort.weights), last.ups)
    server = outcome.engine.method.server_update(first.server, ups, last.cohort)
    for (name, x), (_, y) in zip(items(last.server), items(server), strict=True):
        if x.is_floating_point() and x.numel():
            gap = float((x - y).abs().max()) / (float(x.abs().max()) or 1.0)
            assert gap < 1e-6, (
                f"needs_each = None, but {name or 'the server'} changes by {gap:.2g} of its size "
                "with other answers of the same sum: use cohort.mean and cohort.share alone"
            )


def replaced(leaf: Tensor, weights: Tensor) -> Tensor:
    """Rows [S, ...] of which every one is another, with the same weighted sum."""
    if not leaf.is_floating_point() or leaf.numel() == 0:
        return leaf
    generator = torch.Generator().manual_seed(len(leaf))
    size = float(leaf.abs().max()) or 1.0
    change = 0.3 * size * torch.randn(leaf.shape, generator=generator, dtype=leaf.dtype)
    change[-1] = -torch.tensordot(weights[:-1], change[:-1], dims=1) / weights[-1]
    return leaf + change


def where_all_agree_nothing_moves(trial: Trial) -> None:
    """Clients that all have their optimum at the model stay there: losses (w - c)' A_i (w - c)."""
    optimum = [0.5, -1.0]
    where = quadratics([1.0, 2.0, 0.5], [optimum] * 3, sizes=[3, 1, 2], start=optimum)
    if trial.contract.world is not blobs:
        return  # the method asks something of a model that a quadratic has not
    try:
        outcome = where.run(trial.made(), 2)
    except InputError:
        return  # as above
    model = outcome.engine.method.global_model(outcome.server)
    if isinstance(model, Tensor) and model.shape == outcome.engine.w.shape:
        close(model, outcome.engine.w, "the global model leaves the optimum of all clients:")


def _numbers(size: Size, problem: Problem) -> int:
    return round(size * len(problem.init())) if isinstance(size, (int, float)) else size(problem)
