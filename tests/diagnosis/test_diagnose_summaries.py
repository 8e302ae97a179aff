"""A diagnosis from what clients tell: labels and sizes exactly, features in moments."""

import json

import numpy as np
import pytest

from summary_worlds import summaries_of
from unalike import InputError
from unalike.diagnosis.diagnose import findings
from unalike.diagnosis.diagnose_summaries import (
    Summaries,
    diagnose_summaries,
    feature_skew_of_moments,
)
from unalike.diagnosis.label_skew import random_table
from unalike.diagnosis.moments import Moments, wishart
from unalike.diagnosis.samples import prepare_samples
from unalike.diagnosis.summary import FEWEST, Summary, feature_moments, pooled_scale, summarise
from unlike_worlds import MODERATE, World, world


def stacked(given: Summaries) -> Moments:
    return Moments(*map(np.stack, zip(*given.summaries, strict=True)))


@pytest.mark.proof("limit", "labels and sizes need counts alone: the same with all samples here")
def test_labels_and_sizes_are_those_of_a_diagnosis_with_all_samples() -> None:
    given = world(3, label=1.0, quantity=0.5)
    here = {
        f.kind: f for f in findings(prepare_samples(given.x, given.y, given.client), shuffles=60)
    }
    there = diagnose_summaries(summaries_of(given), shuffles=60)
    for kind in ("label", "quantity"):
        for ours, others in zip(there[kind].measures, here[kind].measures, strict=True):
            assert (ours.p, ours.shuffles) == (others.p, others.shuffles)
            assert (ours.value, ours.low) == pytest.approx((others.value, others.low), abs=1e-12)
        assert there[kind].said == here[kind].said


@pytest.mark.parametrize("skew", [None, "label", "quantity", "feature", "concept"])
def test_each_skew_that_can_be_seen_is_found_alone(skew: str | None) -> None:
    given = world(1, **({} if skew is None else {skew: MODERATE[skew]}))
    found = diagnose_summaries(summaries_of(given), shuffles=60).found
    assert found == (() if skew in (None, "concept") else (skew,))


@pytest.mark.slow
def test_alarms_of_features_are_no_more_often_than_promised() -> None:
    p = [
        feature_skew_of_moments(
            stacked(summaries_of(world(seed, source=source, label=1.0))), shuffles=39, seed=seed
        ).p
        for seed in range(40)
        for source in ("gaussians", "digits")
    ]
    assert np.mean(np.array(p) <= 0.1) <= 0.1 + 3 * np.sqrt(0.09 / 80)


def test_a_table_dealt_at_random_is_one_of_shuffled_samples() -> None:
    sizes, totals = np.array([3, 1, 6]), np.array([4, 6])
    y, owner = np.repeat([0, 1], totals), np.repeat([0, 1, 2], sizes)
    tables, shuffle_within = [], []
    for seed in range(3000):
        rng = np.random.default_rng(seed)
        tables.append(random_table(sizes, totals, rng))
        cell = owner * 2 + rng.permutation(y)
        shuffle_within.append(np.bincount(cell, minlength=6).reshape(3, 2))
    both = np.array([tables, shuffle_within])
    assert (both.sum(3) == sizes).all()
    assert (both.sum(2) == totals).all()
    for power in (1, 2):
        first, second = (both.astype(float) ** power).mean(1)
        np.testing.assert_allclose(first, second, atol=0.3, rtol=0.05)


@pytest.mark.proof("fixed point", "pooled spread and moments are those of all samples together")
def test_moments_are_those_of_the_samples() -> None:
    rng = np.random.default_rng(0)
    x, client = rng.normal(size=(90, 5)) * [1, 10, 1, 1, 0] + 3, np.arange(90) % 3
    y = np.arange(90) % 2
    lens = pooled_scale([feature_moments(x[client == i]) for i in range(3)], together=False)
    np.testing.assert_allclose(lens.centre, x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(lens.scale, [*1 / x.std(0)[:4], 0], rtol=1e-12)
    z = (x - x.mean(0)) * lens.scale
    held = stacked(
        Summaries(
            tuple("abc"),
            ("0", "1"),
            tuple(summarise(x[client == i], y[client == i], 2, lens, 0) for i in range(3)),
        )
    )
    for i, k in np.ndindex(3, 2):
        own = z[(client == i) & (y == k)]
        np.testing.assert_allclose(held.mean[i, k], own.mean(0), atol=1e-12)
        np.testing.assert_allclose(held.covariance[i, k], np.cov(own.T, bias=True), atol=1e-12)
    mean, covariance = held.everybody
    np.testing.assert_allclose(mean[1], z[y == 1].mean(0), atol=1e-12)
    np.testing.assert_allclose(covariance[1], np.cov(z[y == 1].T, bias=True), atol=1e-12)


def test_what_is_constant_everywhere_says_nothing() -> None:
    spreads = [feature_moments(np.full((n, 2), 0.1)) for n in (7, 30, 1000)]
    assert not pooled_scale(spreads, together=False).scale.any()


def test_pixels_share_one_scale() -> None:
    x = np.random.default_rng(0).normal(size=(40, 2, 3)) * [1, 2, 3]
    lens = pooled_scale([feature_moments(x[:10]), feature_moments(x[10:])], together=True)
    assert len(set(lens.scale)) == 1
    assert np.square((x.reshape(40, 6) - lens.centre) * lens.scale).mean() == pytest.approx(1)


def test_classes_of_few_samples_keep_their_moments() -> None:
    x, y = (
        np.random.default_rng(0).normal(size=(30, 3)),
        np.repeat([0, 1], [FEWEST - 1, 31 - FEWEST]),
    )
    told = summarise(x, y, 3, pooled_scale([feature_moments(x)], together=False), 0)
    assert told.counts.tolist() == [FEWEST - 1, 31 - FEWEST, 0]
    for part in (told.mean, told.covariance, told.tails):
        assert not part[[0, 2]].any()
        assert part[1].any()


def test_a_long_tail_is_chance_as_well() -> None:
    rng = np.random.default_rng(0)
    long = rng.normal(size=(20_000, 4)) * np.sqrt(rng.exponential(size=(20_000, 1)))
    p = []
    for seed in range(20):
        rows = rng.integers(0, 20_000, 400)
        made = World(long[rows], np.zeros(400, int), np.arange(400) % 5, np.zeros(400))
        p.append(
            feature_skew_of_moments(stacked(summaries_of(made)), shuffles=39, seed=seed)
            .measures[0]
            .p
        )
    assert np.mean(np.array(p) <= 0.1) <= 0.1 + 3 * np.sqrt(0.09 / 20)


@pytest.mark.proof("fixed point", "E W(I, nu) = nu I and E tr W^2 = nu m (nu + m + 1), nu < m too")
def test_wishart() -> None:
    rng = np.random.default_rng(0)
    for freedom in (0, 2, 9):
        drawn = wishart(np.full(20_000, freedom), 4, rng)
        np.testing.assert_allclose(drawn.mean(0), freedom * np.eye(4), atol=0.15)
        squares = np.square(drawn).sum((1, 2)).mean()
        assert squares == pytest.approx(freedom * 4 * (freedom + 5), rel=0.03)
        assert np.linalg.matrix_rank(drawn[0], tol=1e-9) == min(freedom, 4)


def test_features_that_nobody_shares_are_not_measured() -> None:
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.repeat([0, 1], 30)
    found = diagnose_summaries(summaries_of(World(x, y, y, y)), shuffles=20)
    assert [finding.kind for finding in found.findings] == ["label", "quantity"]
    assert any("Feature skew is not measured" in remark for remark in found.remarks)
    json.loads(found.to_json())


def test_less_than_two_clients_are_no_diagnosis() -> None:
    given = summaries_of(world(0, samples=200, clients=2))
    empty = Summary(*(part * 0 for part in given.summaries[0]))
    with pytest.raises(InputError, match="1 of 2 clients told"):
        diagnose_summaries(Summaries(given.names, given.labels, (given.summaries[0], empty)))
