"""Pairs of methods: the t test of scipy, Holm's bound, and few false claims among equal methods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from small_studies import SMALL
from unalike import compare
from unalike.results.intervals import paired_p
from unalike.results.pairwise import holm


def test_p_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    for n in (2, 3, 5, 30):
        a, b = rng.normal(size=n), rng.normal(0.3, 2, size=n)
        assert paired_p(a - b) == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-12)
    assert np.isnan(paired_p([0.3]))
    assert paired_p([0.0, 0.0]) == 1.0
    assert paired_p([0.2, 0.2]) == 0.5  # heads or tails twice
    assert paired_p([0.3 - 0.1, 0.5 - 0.3, 0.2]) == 0.25  # the same but for rounding


def test_holm_by_hand() -> None:
    found = holm(np.array([0.04, 0.01, np.nan, 0.03, 0.9]))
    np.testing.assert_allclose(found, [0.09, 0.04, np.nan, 0.09, 0.9])
    np.testing.assert_allclose(holm(np.array([0.5, 0.6])), [1.0, 1.0])
    assert holm(np.zeros(0)).shape == (0,)


def test_among_equal_methods_a_pair_is_seldom_called_different() -> None:
    rng = np.random.default_rng(1)
    studies, methods, seeds = 1000, 5, 4
    plain = corrected = 0
    for _ in range(studies):
        shared = rng.normal(size=seeds)  # what a seed does to all of them
        scores = shared + 0.3 * rng.normal(size=(methods, seeds))
        p = np.array(
            [paired_p(scores[i] - scores[j]) for i in range(methods) for j in range(i + 1, methods)]
        )
        plain += bool((p < 0.05).any())
        corrected += bool((holm(p) < 0.05).any())
    assert corrected / studies <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / studies)
    assert plain / studies > 0.15  # what goes uncorrected


def test_a_comparison_tells_each_pair(tmp_path: Path) -> None:
    result = compare(**SMALL | {"seeds": 3, "methods": "finetuning"}, out=tmp_path / "study")
    found = result.pairwise()
    assert {frozenset(pair) for pair in zip(found.better, found.worse, strict=True)} == {
        frozenset(pair)
        for pair in (("local", "fedavg"), ("local", "finetuning"), ("fedavg", "finetuning"))
    }
    assert (found.gain >= 0).all()
    frame = result.frame[result.frame.metric == "personalised_accuracy_mean_best"]
    means = frame.groupby("method").value.mean()
    for row in found.itertuples():
        assert means[row.better] - means[row.worse] == pytest.approx(row.gain, abs=1e-12)
    np.testing.assert_allclose(found.p_holm, holm(found.p.to_numpy()))
