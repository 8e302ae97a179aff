"""Every registered method says truly whether its server only adds answers up.

Driven by the registry: whoever claims it is tested by answers that were replaced by others with
the same sums; whoever denies it is shown to need each answer by itself.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from private_worlds import CENTRAL, LOCAL, NOTHING, private, run_privately, same
from test_every_method import made, world
from unalike.core import Cohort, Method
from unalike.engines.plan import Plan
from unalike.errors import InputError
from unalike.functional.trees import items, leaves, map_tree
from unalike.methods import METHODS
from unalike.privacy import Privacy, with_privacy
from unalike.testing.laws import replaced
from worlds import SINGLE, Outcome

SUMS = [name for name, cls in METHODS.items() if cls.needs_each is None]
EACH = [name for name, cls in METHODS.items() if cls.needs_each is not None]
adding = pytest.mark.parametrize("name", SUMS)
both = pytest.mark.parametrize("privacy", [CENTRAL, LOCAL], ids=lambda privacy: privacy.kind)
OPTIONS: dict[str, Any] = {"batch_size": 4, "steps": 2}


@cache
def bare(name: str) -> Outcome:
    """Two rounds without privacy."""
    return run_privately(world(name), made(name), None, 2, **OPTIONS)


@cache
def usual(name: str, privacy: Privacy, plan: Plan | None = None) -> Outcome:
    """Two rounds with privacy."""
    more = {} if plan is None else {"plan": plan}
    return run_privately(world(name), made(name), privacy, 2, **OPTIONS, **more)


def updates(name: str) -> tuple[Any, Any]:
    """The server after the second round, and after one with replaced answers."""
    outcome = bare(name)
    method, (first, last) = outcome.engine.method, outcome.history
    others = map_tree(lambda leaf: replaced(leaf, last.cohort.weights), last.ups)
    assert all(
        not torch.equal(a, b)
        for a, b in zip(leaves(last.ups), leaves(others), strict=True)
        if a.is_floating_point() and a.numel()
    )
    before = first.server
    return (
        method.server_update(before, last.ups, last.cohort),
        method.server_update(before, others, last.cohort),
    )


@adding
@pytest.mark.proof("invariant", "servers that say so use nothing of the answers but their sums")
def test_only_sums_matter(name: str) -> None:
    ours, theirs = updates(name)
    for (leaf, a), (_, b) in zip(items(ours), items(theirs), strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-9, msg=lambda m, leaf=leaf: leaf + m)


@adding
def test_all_that_is_sent_is_noised(name: str) -> None:
    ups = usual(name, LOCAL).history[0].ups
    assert all(leaf.is_floating_point() for leaf in leaves(ups))
    for a, b in zip(leaves(ups), leaves(bare(name).history[0].ups), strict=True):
        assert not torch.isin(a, b).any()


@pytest.mark.parametrize("name", [name for name in EACH if not METHODS[name].pooled])
def test_who_denies_it_needs_each(name: str) -> None:
    ours, theirs = updates(name)
    assert not all(
        torch.allclose(a.double(), b.double(), atol=1e-9, rtol=1e-9)
        for a, b in zip(leaves(ours), leaves(theirs), strict=True)
    )


@pytest.mark.parametrize("name", EACH)
@both
def test_who_needs_each_is_refused_with_the_reason(name: str, privacy: Privacy) -> None:
    reason = METHODS[name].needs_each
    assert reason
    with pytest.raises(InputError) as caught:
        with_privacy(made(name), privacy, world(name).problem)
    assert name in str(caught.value)
    assert reason in str(caught.value)


def test_who_says_nothing_is_refused() -> None:
    class Silent(Method):
        name = "silent"

    with pytest.raises(InputError, match="does not say"):
        with_privacy(Silent(), CENTRAL, world("fedavg").problem)


@adding
@both
@pytest.mark.proof("limit", "privacy without clip and noise is the bare method, bit for bit")
def test_no_clip_and_no_noise_is_the_bare_method(name: str, privacy: Privacy) -> None:
    with_nothing = usual(name, private(privacy, **NOTHING))
    assert same(bare(name).server, with_nothing.server)
    assert same(bare(name).states, with_nothing.states)
    assert same(bare(name).personal(), with_nothing.personal())


@adding
def test_chunks_and_threads_change_no_bit(name: str) -> None:
    known = usual(name, LOCAL)
    for plan in (Plan("stacked", 2, 1), Plan("stacked", 3, 2)):
        other = usual(name, LOCAL, plan)
        assert same(known.server, other.server)
        assert same(known.states, other.states)


@adding
def test_stacked_is_one_by_one(name: str) -> None:
    one, many = usual(name, LOCAL, SINGLE), usual(name, LOCAL)
    for (_, a), (_, b) in zip(items(one.server), items(many.server), strict=True):
        torch.testing.assert_close(a, b, atol=1e-8, rtol=1e-8)


@adding
@both
def test_bytes_do_not_change(name: str, privacy: Privacy) -> None:
    for ours, theirs in zip(usual(name, privacy).history, bare(name).history, strict=True):
        assert (ours.bytes_up, ours.bytes_down) == (theirs.bytes_up, theirs.bytes_down)
        assert ours.gradients == theirs.gradients


def test_there_are_methods_of_both_sorts() -> None:
    assert {"fedavg", "scaffold", "fedrep", "fedem"} <= set(SUMS)
    assert {"mefl", "cfl", "ifca", "mocha", "afl", "qfedavg", "qfedsgd"} <= set(EACH)
    assert isinstance(bare("fedavg").history[0].cohort, Cohort)
