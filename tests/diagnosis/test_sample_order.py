"""The same samples get the same diagnosis, in whatever order and under whatever names they come."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

import unalike
from unalike.diagnosis.concept_shift import concept_shift
from unalike.diagnosis.diagnose import findings
from unalike.diagnosis.diagnose_summaries import Summaries, diagnose_summaries
from unalike.diagnosis.diagnosis_result import Finding
from unalike.diagnosis.sample_order import sample_order
from unalike.diagnosis.samples import prepare_samples
from unalike.diagnosis.summary import Summary
from unlike_worlds import World, faint_world, world

ROWS, CLASSES, CLIENTS = "rows", "names of classes", "names of clients"


def changed(given: World, what: str, seed: int) -> World:
    """The same samples in another order, or under other names."""
    draw = np.random.default_rng(seed)
    if what == ROWS:
        order = draw.permutation(len(given.y))
        return World(*(part[order] for part in given))
    if what == CLASSES:
        return given._replace(y=draw.permutation(int(given.y.max()) + 1)[given.y])
    return given._replace(client=draw.permutation(int(given.client.max()) + 1)[given.client])


def assert_same(some: tuple[Finding, ...], others: tuple[Finding, ...]) -> None:
    for one, other in zip(some, others, strict=True):
        assert (one.kind, one.found, one.p, one.adjusted) == (
            other.kind,
            other.found,
            other.p,
            other.adjusted,
        )
        for ours, theirs in zip(one.measures, other.measures, strict=True):
            assert (ours.p, ours.shuffles) == (theirs.p, theirs.shuffles)
            assert ours.value == pytest.approx(theirs.value, rel=1e-12, abs=1e-12)


def with_twins(given: World) -> World:
    """Samples that look the same at several clients and bear several labels; a one-class client."""
    x, y = given.x.copy(), given.y.copy()
    x[:20] = x[0]
    x[20:40] = x[20]
    y[given.client == 1] = y[0]
    return given._replace(x=x, y=y)


WORLDS = {
    "faint": lambda: faint_world(3, samples=200, concept=1),
    "twins": lambda: with_twins(world(5, samples=120, clients=4, label=1.0, quantity=0.5)),
    "images": lambda: world(7, source="digits", samples=150, clients=3, temporal=0.5),
}


@pytest.fixture(scope="module", params=WORLDS)
def seen(request: pytest.FixtureRequest) -> tuple[World, tuple[Finding, ...]]:
    given = WORLDS[request.param]()
    return given, findings(prepare_samples(*given), shuffles=20)


@pytest.mark.proof("invariant", "no verdict hangs on an order or a name")
@pytest.mark.parametrize("what", [ROWS, CLASSES, CLIENTS])
def test_no_verdict_hangs_on_an_order_or_a_name(
    seen: tuple[World, tuple[Finding, ...]], what: str
) -> None:
    given, found = seen
    others = findings(prepare_samples(*changed(given, what, 1)), shuffles=20)
    assert_same(found, others)


@pytest.mark.proof("invariant", "many clients and many samples of each: those looked at at random")
@pytest.mark.parametrize("what", [ROWS, CLASSES, CLIENTS])
def test_who_is_looked_at_hangs_on_no_order_and_no_name(what: str) -> None:
    few_each = world(2, samples=500, clients=25)
    many_each = world(2, samples=900, clients=2)
    for given in (few_each, many_each):
        ours, theirs = (
            concept_shift(prepare_samples(*some), shuffles=3, seed=0)
            for some in (given, changed(given, what, 3))
        )
        assert ours.measures == theirs.measures


@settings(max_examples=60)
@drawn(st.integers(0, 10**6))
def test_samples_that_look_the_same_are_told_apart_by_who_holds_them(seed: int) -> None:
    draw = np.random.default_rng(seed)
    n = int(draw.integers(2, 30))
    x, y, client = draw.integers(0, 2, (n, 1)), draw.integers(0, 3, n), draw.integers(0, 4, n)
    order, names, owners = draw.permutation(n), draw.permutation(3), draw.permutation(4)
    ordered = []
    for some, labels, holder in (
        (x, y, client),
        (x[order], names[y][order], owners[client][order]),
    ):
        found = sample_order(some, labels, holder, None, classes=3, clients=4, spread=np.ones(1))
        rows = found.rows
        columns = (some[rows, 0], found.classes[labels][rows], found.clients[holder][rows])
        ordered.append(np.stack(columns))
    np.testing.assert_array_equal(*ordered)


def test_the_last_digits_of_a_scaling_do_not_count() -> None:
    given = world(1, samples=100, clients=3)
    x = given.x.astype(np.float64)
    ours, theirs = (prepare_samples(some, *given[1:3]) for some in (x, x * 3 * (1 + 1e-15)))
    np.testing.assert_array_equal(ours.y, theirs.y)
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-9)


def test_a_table_with_names_is_diagnosed_the_same_under_others() -> None:
    given = with_twins(faint_world(4, samples=150, concept=1))
    frame = pd.DataFrame(given.x[:, :6]).add_prefix("c")
    frame["y"] = np.array(list("abcde"))[given.y]
    frame["client"] = np.array(["e", "d", "c", "b", "a"])[given.client]
    other = frame.sample(frac=1, random_state=0)
    other["y"] = other.y.map(dict(zip("abcde", ["zebra", "fox", "cow", "yak", "ant"], strict=True)))
    other["client"] = other.client.map(dict(zip("abcde", "uvxwy", strict=True)))
    ours, theirs = (unalike.diagnose(one, shuffles=20, optimise=False) for one in (frame, other))
    assert_same(ours.findings, theirs.findings)
    assert ours.names == tuple("abcde")
    assert theirs.names == tuple("uvwxy")
    swapped = [0, 1, 3, 2, 4]
    np.testing.assert_array_equal(ours.counts.sum(1), theirs.counts.sum(1)[swapped])
    ours_apart, theirs_apart = (one.groups.distances["together"] for one in (ours, theirs))
    np.testing.assert_allclose(ours_apart, theirs_apart[np.ix_(swapped, swapped)], atol=1e-12)


def test_summaries_are_diagnosed_the_same_under_other_names() -> None:
    draw = np.random.default_rng(0)
    counts, mean = draw.integers(10, 30, (4, 3)), draw.normal(0, 0.1, (4, 3, 2))
    told = [
        Summary(counts[i], mean[i], np.tile(np.eye(2), (3, 1, 1)), np.full(3, 8.0))
        for i in range(4)
    ]
    clients, classes = [2, 0, 3, 1], [1, 2, 0]
    others = [Summary(*(part[classes] for part in told[i])) for i in clients]
    ours, theirs = (
        diagnose_summaries(Summaries(tuple("abcd"), tuple("xyz"), tuple(some)), shuffles=20)
        for some in (told, others)
    )
    assert_same(ours.findings, theirs.findings)
    np.testing.assert_array_equal(ours.counts[np.ix_(clients, classes)], theirs.counts)


@pytest.mark.slow
def test_another_seed_finds_the_same_in_faint_worlds() -> None:
    """Of these worlds about half are found, so that a verdict drawn by chance would differ."""
    found = [
        [
            concept_shift(
                prepare_samples(*given[:3], seed=seed), shuffles=50, seed=seed, level=0.05
            )
            for seed in (0, 1)
        ]
        for given in (faint_world(seed, samples=300, concept=1) for seed in range(8))
    ]
    alarms = np.array([[one.p <= 0.05 for one in both] for both in found])
    assert 0 < alarms[:, 0].sum() < len(alarms)
    assert (alarms[:, 0] != alarms[:, 1]).sum() <= 1
