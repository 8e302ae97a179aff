"""What is decided of the leader: power, the seeds it takes, and few false claims over all looks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from comparisons import comparison
from unalike.api.continue_study import next_look
from unalike.results.alpha_spending import ALPHA, level_of, spent
from unalike.results.evidence import Question, questions_of
from unalike.results.pairwise import win_matrix
from unalike.results.seed_count import power, seeds_needed
from unalike.results.verdict import judge

LOCAL = [0.80, 0.81, 0.79]
MEFL = [0.90, 0.905, 0.902]
MOST = 30
LOOKS = (3, 5, 8, 12, 18, 27, 30)


def said(verdict) -> str:
    return " ".join(one.text for one in verdict.sentences if one.topic == "evidence")


def test_power_is_what_simulated_tests_have() -> None:
    rng = np.random.default_rng(0)
    for seeds, effect in ((4, 1.5), (10, 0.8), (40, 0.3)):
        samples = rng.normal(effect, 1, (6000, seeds))
        share = (stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05).mean()
        found = power(effect, np.array([seeds]), np.array([0.05]))[0]
        assert found == pytest.approx(share, abs=0.02)
    assert power(40.0, np.array([50]), np.array([0.05]))[0] == 1
    assert power(0.0, np.array([7]), np.array([0.05]))[0] == pytest.approx(0.05)


def test_so_many_seeds_decide_in_four_of_five_studies() -> None:
    gains = np.array([0.01, 0.05, 0.02, 0.0])
    needed = seeds_needed(gains)
    level = level_of(needed, (4,))
    rng = np.random.default_rng(1)
    samples = rng.normal(gains.mean(), gains.std(ddof=1), (4000, needed))
    share = (stats.ttest_1samp(samples, 0, axis=1).pvalue < level).mean()
    assert 0.78 < share < 0.9
    assert seeds_needed(gains, comparisons=10) > needed
    assert seeds_needed(gains, looks=(2,)) == needed  # so early a look spends next to nothing
    assert seeds_needed(gains, looks=(4, 8, 12, 15)) > needed


def test_seeds_that_show_no_spread_or_no_difference_foretell_nothing() -> None:
    assert seeds_needed(np.array([0.1])) is None
    assert seeds_needed(np.array([0.1, 0.1])) is None
    assert seeds_needed(np.array([0.1, -0.1, 0.001])) is None


def test_all_levels_together_are_less_than_five_percent() -> None:
    levels = [level_of(n, LOOKS[:k]) for k, n in enumerate(LOOKS)]
    assert levels[0] == ALPHA  # the number of seeds was fixed beforehand
    assert spent(LOOKS[0]) + sum(levels[1:]) == pytest.approx(spent(LOOKS[-1]))
    assert spent(10) == ALPHA / 2
    assert spent(10**9) < ALPHA


def test_the_next_look_comes_after_half_as_many_more() -> None:
    assert [next_look(n, MOST) for n in LOOKS[:-1]] == list(LOOKS[1:])
    assert next_look(1, MOST) == 3


def false_claims(equal: int, worse: int, *, corrected: bool, studies: int = 600) -> float:
    """How often anything is claimed of methods that are equal, Local being one of them."""
    rng = np.random.default_rng([equal, worse])
    names = ["local", *(f"method {k}" for k in range(1, equal + worse))]
    wrong = 0
    for _ in range(studies):
        shared = rng.normal(size=MOST)  # what a seed does to all methods
        scores = shared + rng.normal(size=(equal + worse, MOST))
        scores[equal:] -= 3.0
        for k, seeds in enumerate(LOOKS):
            means = scores[:, :seeds].mean(1)
            best = int(means.argmax())
            gains = {
                name: scores[best, :seeds] - scores[m, :seeds]
                for m, name in enumerate(names)
                if m != best
            }
            level = ALPHA
            if corrected:
                level = level_of(seeds, LOOKS[:k]) if k else spent(seeds)
            questions = questions_of(names[best], gains, level)
            if any(question.decided for question in questions):
                wrong += 1
                break
    return wrong / studies


@pytest.mark.parametrize(("equal", "worse"), [(2, 0), (2, 3), (4, 0)])
def test_looking_repeatedly_errs_in_at_most_five_percent(equal: int, worse: int) -> None:
    assert false_claims(equal, worse, corrected=True) <= 0.05


def test_without_correction_it_errs_far_more_often() -> None:
    assert false_claims(2, 0, corrected=False, studies=300) > 0.12


def test_the_leader_of_many_equal_methods_is_seldom_called_better_than_local() -> None:
    rng = np.random.default_rng(4)
    plain = claimed = 0
    for _ in range(1000):
        scores = rng.normal(size=(9, 8))
        best = int(scores.mean(1).argmax())
        if best == 0:
            continue
        gains = {"local" if m == 0 else str(m): scores[best] - scores[m] for m in range(9)}
        del gains[str(best)]
        local = next(one for one in questions_of(str(best), gains, ALPHA) if one.about == "local")
        claimed += local.decided
        plain += local.p / local.comparisons < 0.05
    assert claimed <= 50 + 2 * np.sqrt(1000 * 0.05 * 0.95)
    assert plain > 100


def test_a_clear_leader_is_decided_and_the_verdict_says_so() -> None:
    verdict = judge(comparison({"local": LOCAL, "fedavg": [0.6, 0.62, 0.59], "mefl": MEFL}))
    assert [one.about for one in verdict.questions] == ["lead", "local"]
    assert all(one.decided for one in verdict.questions)
    assert verdict.questions[0].rival == "local"
    test = stats.ttest_rel(MEFL, LOCAL)
    assert verdict.questions[0].p == pytest.approx(test.pvalue)
    claim = f"That MEFL is the best of the methods is decided (p = {test.pvalue:.2g}, against Local"
    assert claim in said(verdict)
    assert "What is decided holds for these samples" in said(verdict)


def test_a_leader_by_chance_is_told_how_many_seeds_it_takes() -> None:
    scores = {"local": LOCAL, "fedavg": [0.6, 0.62, 0.59], "mefl": [0.83, 0.80, 0.82]}
    verdict = judge(comparison(scores))
    local = verdict.questions[1]
    assert verdict.headline.endswith("cannot be told apart from training alone (not decided).")
    assert not local.decided
    gains = np.subtract(scores["mefl"], LOCAL)
    assert local.needed == seeds_needed(gains, comparisons=2)
    assert f"about {local.needed - 3} more seeds would decide it" in said(verdict)
    assert f"--seeds {local.needed}" in said(verdict)
    assert "Three seeds hardly show how much seeds differ" in said(verdict)
    assert "What is decided" not in said(verdict)


def test_better_than_local_may_be_decided_where_the_lead_is_not() -> None:
    other = [0.903, 0.902, 0.901]
    made = comparison({"local": [0.5, 0.51, 0.49], "fedavg": [0.6, 0.62, 0.59], "mefl": MEFL})
    both = comparison(
        {"local": [0.5, 0.51, 0.49], "fedavg": [0.6, 0.62, 0.59], "mefl": MEFL, "uga": other}
    )
    assert judge(made).headline == "Untuned: MEFL helps most (decided)."
    assert judge(both).headline == (
        "Untuned: MEFL is better than training alone (decided), but it cannot be told apart from "
        "UGA (not decided)."
    )


def test_looks_before_ask_for_more() -> None:
    scores = {"local": LOCAL, "fedavg": [0.6, 0.62, 0.59], "mefl": [0.88, 0.85, 0.87]}
    once, again = comparison(scores), comparison(scores, looks=[1, 2])
    assert judge(once).questions[0].decided
    found = judge(again)
    assert not found.questions[0].decided
    assert found.questions[0].level == pytest.approx(spent(3) - spent(2))
    assert "Results were looked at before, after 1 and 2 seeds" in said(found)


def test_one_seed_decides_nothing_and_says_so() -> None:
    verdict = judge(comparison({"local": [0.8], "fedavg": [0.6], "mefl": [0.9]}))
    assert not any(question.decided for question in verdict.questions)
    assert "One seed shows no spread" in said(verdict)
    assert questions_of(None, {}, ALPHA) == questions_of("fedavg", {}, ALPHA) == ()
    alone = questions_of("fedavg", {"local": np.array([0.1, 0.2, 0.3])}, ALPHA)
    assert [type(one) for one in alone] == [Question]


def test_who_beats_whom_is_the_same_from_both_sides() -> None:
    made = comparison({"local": LOCAL, "fedavg": [0.6, 0.62, 0.59], "mefl": MEFL})
    matrix = win_matrix(made)
    assert list(matrix) == ["mefl", "local", "fedavg"]
    for one, other in pairwise(matrix):
        ours, theirs = matrix[one][other], matrix[other][one]
        assert ours.gain == -theirs.gain > 0
        assert ours.p == theirs.p
        assert ours.told_apart == theirs.told_apart == (ours.p < 0.05)
    assert matrix["mefl"]["local"].gain == pytest.approx(np.subtract(MEFL, LOCAL).mean())
    assert not any(one in matrix[one] for one in matrix)
