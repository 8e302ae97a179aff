"""Rules around every registered method whose server only adds answers up.

Driven by the registry, as with privacy: whoever needs each answer by itself is refused.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from private_worlds import same
from robust_worlds import rule, run_robustly
from test_every_method import made, world
from unalike.core import Method
from unalike.engines.plan import Plan
from unalike.engines.serialised import SerialisedEngine
from unalike.errors import InputError
from unalike.functional.trees import items, leaves
from unalike.methods import METHODS
from unalike.privacy import Privacy, with_privacy
from unalike.robust import with_robust
from unalike.rounds import rounds
from unalike.study.store import Checkpoint, RunStore
from worlds import SINGLE, Outcome, quadratics

SUMS = [name for name, cls in METHODS.items() if cls.needs_each is None]
EACH = [name for name, cls in METHODS.items() if cls.needs_each is not None]
adding = pytest.mark.parametrize("name", SUMS)
OPTIONS: dict[str, Any] = {"batch_size": 4, "steps": 2}
STATEFUL = ["caps", "clipping", "foolsgold", "caps+clipping"]
RULES = [*STATEFUL, "median", "trimmed:share=0.2", "krum", "multi-krum", "geometric-median"]


@cache
def behind(name: str, text: str, kind: str = "stacked") -> Outcome:
    """Two rounds of clients of unequal size behind a rule."""
    more: dict[str, Any] = {
        "stacked": {},
        "single": {"plan": SINGLE},
        "bytes": {"plan": SINGLE, "kind": SerialisedEngine},
        "chunks": {"plan": Plan("stacked", 2, 2)},
    }[kind]
    return run_robustly(world(name), made(name), text, 2, **OPTIONS, **more)


def nearly(a: Any, b: Any) -> None:
    for (leaf, x), (_, y) in zip(items(a), items(b), strict=True):
        torch.testing.assert_close(
            x, y, atol=1e-7, rtol=1e-7, msg=lambda text, leaf=leaf: f"{leaf}: {text}"
        )


@adding
@pytest.mark.parametrize("text", ["trimmed:share=0", "clipping:radius=inf"])
@pytest.mark.proof("limit", "rules that leave nobody out are the bare method")
def test_a_rule_that_leaves_nobody_out_is_the_bare_method(name: str, text: str) -> None:
    bare, guarded = behind(name, "none"), behind(name, text)
    inner = guarded.server.method
    nearly(bare.server, inner)
    nearly(bare.personal(), guarded.personal())


@pytest.mark.parametrize("text", ["trimmed:share=0", "clipping:radius=inf"])
def test_a_cohort_adds_its_share_of_the_population(text: str) -> None:
    """SCAFFOLD's control variate moves by what the clients that answered are of all."""
    place, method = world("scaffold"), made("scaffold")
    bare, guarded = (
        run_robustly(place, method, rule, 3, cohort=3, **OPTIONS) for rule in ("none", text)
    )
    assert all(float(done.cohort.shares.sum()) < 0.99 for done in bare.history)
    nearly(bare.server, guarded.server.method)


@pytest.mark.parametrize("name", ["fedavg", "scaffold", "fedem"])
def test_caps_that_nobody_reaches_are_the_bare_method(name: str) -> None:
    text = "caps:weight=1,quantile=0.999,rate=0"
    first = run_robustly(world(name), made(name), text, 1, **OPTIONS)
    bare = run_robustly(world(name), made(name), "none", 1, **OPTIONS)
    nearly(bare.server, first.server.method)


@adding
@pytest.mark.parametrize("text", ["caps+clipping", "median"])
def test_rules_of_every_form_go_with_every_such_method(name: str, text: str) -> None:
    outcome = behind(name, text)
    assert all(bool(torch.isfinite(leaf).all()) for leaf in leaves(outcome.server))
    bare = behind(name, "none")
    for ours, theirs in zip(outcome.history, bare.history, strict=True):
        assert (ours.bytes_up, ours.bytes_down) == (theirs.bytes_up, theirs.bytes_down)
    outcome.personal()


@pytest.mark.parametrize("name", EACH)
def test_who_needs_each_is_refused_with_the_reason(name: str) -> None:
    reason = METHODS[name].needs_each
    with pytest.raises(InputError) as caught:
        with_robust(made(name), rule("median"), world(name).problem, cohort=6)
    assert name in str(caught.value)
    assert reason
    assert reason in str(caught.value)


def test_who_says_nothing_is_refused() -> None:
    class Silent(Method):
        name = "silent"

    with pytest.raises(InputError, match="does not say"):
        with_robust(Silent(), rule("median"), world("fedavg").problem, cohort=6)


def test_none_is_the_method_itself() -> None:
    method = made("fedavg")
    assert with_robust(method, None, world("fedavg").problem, cohort=1) is method


def test_too_few_clients_are_refused_before_anything_is_trained() -> None:
    problem = world("fedavg").problem
    with pytest.raises(InputError, match="needs 7 answers in a round, and 6 clients are asked"):
        with_robust(made("fedavg"), rule("krum:hostile=2"), problem, cohort=6)
    with_robust(made("fedavg"), rule("krum:hostile=2"), problem, cohort=7)


@pytest.mark.parametrize("name", ["fedavg", "scaffold"])
@pytest.mark.parametrize("text", RULES)
class TestEngines:
    """Rules see the same answers wherever clients are."""

    def test_stacked_is_one_by_one(self, name: str, text: str) -> None:
        nearly(behind(name, text).server, behind(name, text, "single").server)

    def test_over_bytes_is_one_by_one_bit_for_bit(self, name: str, text: str) -> None:
        assert same(behind(name, text, "single").server, behind(name, text, "bytes").server)

    def test_chunks_and_threads_change_no_bit(self, name: str, text: str) -> None:
        assert same(behind(name, text).server, behind(name, text, "chunks").server)


@pytest.mark.parametrize("name", ["fedavg", "scaffold"])
@pytest.mark.parametrize("text", RULES)
@pytest.mark.proof("invariant", "a run that goes on from its checkpoint has the same bits")
def test_resuming_changes_no_bit(name: str, text: str, tmp_path: Path) -> None:
    place, method = world(name), made(name)
    at_once = run_robustly(place, method, text, 3, cohort=5, **OPTIONS)
    begun = run_robustly(place, method, text, 1, cohort=5, **OPTIONS)
    store = RunStore(tmp_path)
    store.append({"round": 1})
    store.checkpoint(Checkpoint(1, begun.server, begun.states, ""))

    guarded = with_robust(method, rule(text), place.problem, cohort=5)
    engine = place.engine(guarded, **OPTIONS)
    fresh = engine.method.init_server(engine.problem, engine.w, engine.population)
    saved = RunStore(tmp_path).load(fresh, engine.states)
    engine.restore(saved.clients)
    loop = rounds(engine.method, engine, saved.server, cohort=5, seed=0, first=2)
    next(loop)
    assert same(next(loop).server, at_once.server)
    assert same(engine.states, at_once.states)


def test_what_a_rule_remembers_is_there_in_the_next_round() -> None:
    """Each step of centred clipping is one longer than the last: 1, then 2, then 3."""
    place = quadratics([1.0] * 3, [[20.0]] * 3)
    outcome = run_robustly(place, METHODS["fedavg"](lr=1.0), "clipping:radius=1", 3)
    assert [float(done.server.method) for done in outcome.history] == pytest.approx([1, 3, 6])


def test_a_round_with_too_few_answers_changes_nothing_and_is_said() -> None:
    place = quadratics([torch.eye(2)] * 6, [[float(i), 1.0] for i in range(6)])
    outcome = run_robustly(
        place, METHODS["fedavg"](lr=0.3), "krum:hostile=1", 8, dropout=0.35, seed=3
    )
    before = torch.zeros(2, dtype=torch.float64)
    few = 0
    for done in outcome.history:
        assert torch.equal(done.server.method, before) == (len(done.cohort.ids) < 5)
        few += len(done.cohort.ids) < 5
        before = done.server.method
    assert 0 < few < 8
    assert int(outcome.server.skipped) == few
    notes = outcome.engine.method.notes(outcome.server)
    assert f"{few} rounds changed nothing" in notes
    assert "fewer than 5 answers" in notes


def test_clients_without_weight_have_no_vote() -> None:
    """Four clients without samples send the same, so Krum would pick one of them for ever."""
    place = quadratics([1.0] * 7, [[9.0], [8.0], [7.0], [0.0], [0.0], [0.0], [0.0]])
    weights = torch.tensor([0.5, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0]).double()
    method = METHODS["fedavg"](lr=1.0)
    found = run_robustly(place, method, "krum:hostile=0", weights=weights).server.method
    assert float(found) in (7.0, 8.0, 9.0)


def test_an_answer_beyond_all_measure_is_left_out() -> None:
    place = quadratics([1.0] * 5, [[1.0], [2.0], [3.0], [4.0], [1e200]])
    for text in ("caps", "clipping", "geometric-median", "krum:hostile=0", "foolsgold"):
        found = run_robustly(place, METHODS["fedavg"](lr=1.0), text).server.method
        assert -4 <= float(found) <= 4


def test_weights_that_do_not_sum_to_one_scale_the_step() -> None:
    """Scheme II: an average with weights N p / S is a step of their sum."""
    place = quadratics([1.0] * 4, [[1.0], [2.0], [3.0], [10.0]], sizes=[1, 1, 1, 5])
    method = METHODS["fedavg"](lr=1.0)

    def after(text: str) -> torch.Tensor:
        guarded = with_robust(method, rule(text) if text else None, place.problem, cohort=2)
        engine = place.engine(guarded)
        server = engine.method.init_server(engine.problem, engine.w, engine.population)
        last = next(rounds(engine.method, engine, server, cohort=2, seed=1, scheme="II"))
        return last.server.method if text else last.server

    torch.testing.assert_close(after("trimmed:share=0"), after(""), atol=1e-12, rtol=1e-12)


def test_privacy_at_each_client_goes_with_a_rule() -> None:
    privacy = Privacy(kind="local", clip=0.5, noise=0.1)
    place = world("fedavg")
    method = with_privacy(made("fedavg"), privacy, place.problem)
    outcome = run_robustly(place, method, "median", 1, **OPTIONS)
    bare = run_robustly(place, made("fedavg"), "median", 1, **OPTIONS)
    assert not torch.equal(outcome.server.method, bare.server.method)
