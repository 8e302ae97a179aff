"""What seeds that cut the same samples have in common, by hand and in simulated studies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from comparisons import comparison
from unalike.data.federation import Federation
from unalike.results.evidence import questions_of
from unalike.results.intervals import paired, paired_p
from unalike.results.pairwise import pairwise
from unalike.results.seed_count import power, seeds_needed
from unalike.results.shared_samples import ComparedSamples, SharedSamples, compared_samples
from unalike.results.table_formats import formatted
from unalike.results.verdict import judge
from unalike.study.sample_scores import NAME, as_record

BOTH = ("ours", "theirs")


def encoded(scores) -> str:
    return as_record(np.asarray(scores, np.float64))[NAME]


def shared(samples, ours, weights=None) -> SharedSamples:
    """Of a method that is better by these numbers than another, which scores 0: [seeds][n]."""
    weights = weights or [np.full(len(one), 1 / len(one)) for one in samples]
    tested = [
        ComparedSamples(np.asarray(one), np.asarray(weight))
        for one, weight in zip(samples, weights, strict=True)
    ]
    scores = {("ours", seed): encoded(one) for seed, one in enumerate(ours)}
    scores |= {("theirs", seed): encoded(np.zeros(len(one))) for seed, one in enumerate(ours)}
    return SharedSamples(tested, scores)


def test_a_sample_that_two_seeds_test_counts_for_both() -> None:
    """r = w (d - mean) / 2 = (d - 1) / 4; samples 5 and 7 are in both seeds."""
    found = shared([[5, 7], [7, 5]], [[0.0, 2.0], [3.0, -1.0]])
    r = np.array([[-1.0, 1.0], [-2.0, 2.0]]) / 4  # by seed; of 5 and 7
    expected = 2 * (sum(r.sum(0) ** 2) - (r**2).sum())
    assert found.variance(*BOTH, (0, 1)) == pytest.approx(expected)
    assert found.variance("theirs", "ours", (0, 1)) == pytest.approx(expected)


def test_samples_of_one_subject_count_as_one() -> None:
    """Sample 5 twice in the first seed: r = w (d - mean) / 2 is added up before it is squared."""
    found = shared([[5, 5, 7, 8], [7, 5]], [[1.0, 2.0, 0.0, 1.0], [3.0, -1.0]])
    r = np.array([[3.0, 0.0, 1.0], [-1.0, 3.0, 0.0]]) - np.array([[2, 1, 1], [1, 1, 0]])
    r *= np.array([[1 / 4], [1 / 2]]) / 2  # by seed; of 5, 7 and 8
    expected = 2 * max(0.0, sum(r.sum(0) ** 2) - (r**2).sum())
    assert expected == 0.0
    assert found.variance(*BOTH, (0, 1)) == 0.0
    alike = shared([[5, 5, 7, 8], [7, 5]], [[1.0, 2.0, 0.0, 1.0], [-1.0, 3.0]])
    r = np.array([[3.0, 0.0, 1.0], [3.0, -1.0, 0.0]]) - np.array([[2, 1, 1], [1, 1, 0]])
    r *= np.array([[1 / 4], [1 / 2]]) / 2
    expected = 2 * (sum(r.sum(0) ** 2) - (r**2).sum())
    assert alike.variance(*BOTH, (0, 1)) == pytest.approx(expected)


def test_clients_of_few_samples_count_as_much_as_others() -> None:
    weights = [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]]
    found = shared([[1, 2, 3], [3, 4, 1]], [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], weights)
    mean = (0.5 + 0.25 + 0.25 + 0.5) / 2
    one, three = (0.5 * (1 - mean) / 2) ** 2, 0.25 * (1 - mean) / 2 * 0.25 * (0 - mean) / 2
    assert found.variance(*BOTH, (0, 1)) == pytest.approx(2 * max(0.0, 2 * one + 2 * three))


def test_seeds_of_samples_of_their_own_have_nothing_in_common() -> None:
    found = shared([[0, 1], [2, 3], [4, 5]], np.random.default_rng(0).normal(size=(3, 2)))
    assert found.variance(*BOTH, (0, 1, 2)) == 0.0


def test_what_hangs_together_the_other_way_round_is_not_taken_for_certainty() -> None:
    found = shared([[0, 1], [0, 1]], [[1.0, -1.0], [-1.0, 1.0]])
    assert found.variance(*BOTH, (0, 1)) == 0.0


def test_where_scores_are_missing_nothing_is_known() -> None:
    found = shared([[0, 1], [0, 1]], [[1.0, -1.0], [-1.0, 1.0]])
    assert found.variance("ours", "nobody", (0, 1)) is None
    assert found.variance(*BOTH, (0, 1, 2)) is None
    assert found.variance(*BOTH, (0,)) is None
    assert SharedSamples().variance(*BOTH, (0, 1)) is None


def test_samples_are_those_of_the_data_set_and_weights_those_of_the_mean_over_clients() -> None:
    rng = np.random.default_rng(0)
    sizes = (10, 20, 40, 30)
    x, y = rng.normal(size=(100, 3)), rng.integers(2, size=100)
    federation = Federation.from_arrays(x, y, np.repeat(np.arange(4), sizes), seed=3, test=0.2)
    newcomers = np.array([False, True, False, False])
    federation = replace(federation, newcomers=newcomers)
    found = compared_samples(federation, np.array([True, True, False]))
    tests = [2, 8, 6]
    expected = [np.full(tests[0], 1 / (2 * 2)), np.full(tests[1], 1 / (2 * 8)), np.zeros(tests[2])]
    np.testing.assert_allclose(found.weight, np.concatenate(expected))
    rows = federation.test.of_rows(np.array([0, 2, 3])).values
    np.testing.assert_allclose(x[found.sample], federation.x_test[rows], rtol=1e-6)


SEEDS, TESTED, SAMPLES = 10, 60, 200


def studies(count: int, *, by_sample: float, by_seed: float = 0.05) -> np.ndarray:
    """p of equal methods without and with what seeds share: [count, 2]."""
    rng = np.random.default_rng(7)
    found = np.empty((count, 2))
    for k in range(count):
        luck = by_sample * rng.normal(size=SAMPLES)
        cuts = [rng.permutation(SAMPLES)[:TESTED] for _ in range(SEEDS)]
        better = [
            luck[cut] + by_seed * rng.normal() + 0.3 * rng.normal(size=TESTED) for cut in cuts
        ]
        gains = np.array([one.mean() for one in better])
        common = shared(cuts, better).variance(*BOTH, range(SEEDS))
        found[k] = paired_p(gains), paired_p(gains, common)
    return found


def test_equal_methods_are_seldom_told_apart_though_all_seeds_cut_the_same_samples() -> None:
    plain, counted = (studies(1000, by_sample=0.5) < 0.05).mean(0)
    assert plain > 0.15
    assert counted <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)


def test_seeds_that_differ_by_more_than_their_samples_lose_little() -> None:
    """Within 93 to 97 %, as without it: what is counted is only what there is."""
    plain, counted = (studies(1000, by_sample=0.02) < 0.05).mean(0)
    assert 0.03 < counted <= plain < 0.07


def test_what_is_shared_widens_the_t_test() -> None:
    gains = np.array([0.1, 0.2, 0.15, 0.25])

    def half(level: float, common: float) -> float:
        over_seeds = stats.t.isf(level / 2, 3) ** 2 * gains.var(ddof=1) / 4
        return np.sqrt(over_seeds + stats.norm.isf(level / 2) ** 2 * common)

    p = paired_p(gains, 0.01)
    assert half(p, 0.01) == pytest.approx(gains.mean())
    found = paired(pd.Series(gains), pd.Series(np.zeros(4)), shared=0.01)
    assert found.high - found.mean == pytest.approx(half(0.05, 0.01))
    assert paired_p(gains, 1e-15) == pytest.approx(stats.ttest_1samp(gains, 0).pvalue, rel=1e-6)
    alike = np.full(8, 0.1)
    assert paired_p(alike, 0.01) == pytest.approx(2 * stats.norm.sf(1.0))
    assert paired_p(alike, 1e-9) == 2.0**-7  # never surer than without
    assert paired_p(np.array([1.0, 1.0 + 1e-6, 1.0]), 1e-30) < 1e-9


def test_seeds_cannot_decide_what_their_samples_do_not() -> None:
    gains = np.array([0.1, 0.2, 0.15, 0.25])
    few = seeds_needed(gains)
    assert few < seeds_needed(gains, shared=0.001) < 1000
    assert seeds_needed(gains, shared=0.01) is None
    most = power(1.0, np.array([10**6]), np.array([0.05]), np.array([0.25]))[0]
    quantile = stats.norm.ppf(0.975)
    assert most == pytest.approx(stats.norm.cdf([2 - quantile, -2 - quantile]).sum(), abs=1e-3)
    (short,) = questions_of("fedavg", {"local": gains}, 0.05, (), {"local": 0.01})
    assert (short.decided, short.lacks_samples, short.needed) == (False, True, None)
    (clear,) = questions_of("fedavg", {"local": gains}, 0.05)
    assert (clear.decided, clear.lacks_samples) == (True, False)
    (equal,) = questions_of("fedavg", {"local": gains - gains.mean()}, 0.05, (), {"local": 0.01})
    assert not equal.lacks_samples  # nor would seeds of other samples


def judged(luck: float):
    """Two methods on three seeds of the same 40 samples, of which one predicts some better."""
    scores = {"local": [0.80, 0.81, 0.79], "fedavg": [0.90, 0.905, 0.902]}
    made = comparison(scores)
    rng = np.random.default_rng(0)
    better = luck * rng.normal(size=40)
    tested = [ComparedSamples(np.arange(40), np.full(40, 1 / 40))] * 3
    texts = {("fedavg", seed): encoded(0.1 + better - better.mean()) for seed in range(3)}
    texts |= {("local", seed): encoded(np.zeros(40)) for seed in range(3)}
    samples = SharedSamples(tested, texts)
    return replace(made, samples={"best": samples, "last": SharedSamples()})


def test_verdict_pairs_and_bold_type_count_what_seeds_share() -> None:
    sure, unsure = judged(0.01), judged(1.0)
    assert judge(sure).questions[0].decided
    assert "All seeds draw on the same samples" in str(judge(sure))
    found = judge(unsure)
    assert not found.questions[0].decided
    assert "since all draw on the same samples: more samples might" in str(found)
    assert not found.contrasts["local"].excludes_zero
    p = {name: pairwise(made)["p"].item() for name, made in {"sure": sure, "not": unsure}.items()}
    assert p["sure"] < 0.05 < p["not"]
    bold = [row[1][0].bold for row in formatted(unsure).rows]
    assert bold == [True, True]
    assert [row[1][0].bold for row in formatted(sure).rows] == [True, False]
    last = judge(unsure, "last")
    assert last.questions[0].decided
    assert "What is decided holds for these samples" in str(last)
