"""Leaders, ties, and what is preferred."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from unalike.advice.client_differences import difference, fold_difference
from unalike.advice.evidence import evidence
from unalike.advice.heats import Heat
from unalike.advice.method_choice import Choice
from unalike.advice.method_choice import choose as choose_by
from unalike.advice.race import Contestant, RaceEntry, Stage, mean_over_folds, without_duplicates
from unalike.tasks.classes import ACCURACY

FOLDS = 5


def choose(stage: Stage, *, alike: bool = False) -> Choice:
    return choose_by(stage, ACCURACY, FOLDS, alike=alike)


def entry(
    contestant: Contestant, scores: list[float], loss: float = 0.0, noise: float = 0.0
) -> RaceEntry:
    """The same on all folds, the score up and down by the noise in turn."""
    known, losses = np.array(scores), np.full(len(scores), loss)
    sway = noise * np.array([[1], [-1], [0], [1], [-1]])
    return RaceEntry(contestant, known, losses, known + sway, losses + 0 * sway)


ALONE = entry(Contestant("local", "local", {}), [0.1, 0.1, 0.1])


def final(noise: float = 0.0, **accuracy: list[float]) -> Stage:
    entries = [
        entry(Contestant(name, name, {}), values, noise=0 if name == "local" else noise)
        for name, values in accuracy.items()
    ]
    entries.sort(key=lambda entry: -entry.score)
    return Stage("heat", Heat(4, 10, 5), tuple(entries))


@pytest.mark.proof("fixed point", "the interval over clients is Student's, by scipy's own")
def test_interval() -> None:
    ours, theirs = np.array([0.9, 0.8, 0.7, np.nan]), np.array([0.5, 0.6, 0.7, 0.1])
    found = difference(ours, theirs)
    expected = stats.ttest_rel(ours[:3], theirs[:3]).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert not found.excludes_zero
    assert found.sure == pytest.approx(1 - stats.ttest_rel(ours[:3], theirs[:3]).pvalue / 2)
    same = difference(np.array([0.5, 0.75]), np.array([0.25, 0.5]))
    assert (same.half, same.sure) == (0, 1)


def test_of_an_infinite_loss_nothing_is_sure() -> None:
    inf = np.inf
    diverged = np.array([[inf, 2.0], [1.0, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        worse = fold_difference(np.ones((2, 2)), diverged, 2)
        alike = fold_difference(diverged, diverged, 2)
        both = difference(np.array([inf, 1.0]), np.array([1.0, inf]))
        by_client = difference(diverged[0], np.ones(2))
    assert (worse.mean, by_client.mean, alike.mean) == (-inf, inf, 0)
    assert np.isnan(both.mean)
    assert not any(one.excludes_zero for one in (worse, by_client, alike, both))


@pytest.mark.proof("fixed point", "by folds: Student's, with the variance of Nadeau and Bengio")
def test_interval_by_folds() -> None:
    draw = np.random.default_rng(0)
    ours, theirs = draw.normal(0.1, 1, (10, 4)), draw.normal(0, 1, (10, 4))
    found = fold_difference(ours, theirs, 5)
    gaps = (ours - theirs).mean(1)
    scale = gaps.std(ddof=1) * np.sqrt(1 / 10 + 1 / 4)
    low, high = stats.t.interval(0.9, 9, gaps.mean(), scale)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert found.sure == pytest.approx(stats.t.cdf(abs(gaps.mean()) / scale, 9))


@pytest.mark.proof("invariant", "by folds: clients count alike, whatever folds can judge")
def test_clients_without_samples_in_some_folds() -> None:
    gaps = np.array([[0.2, np.nan], [0.4, np.nan], [0.3, 0.1], [np.nan, np.nan]])
    found = fold_difference(gaps, np.zeros_like(gaps), 4)
    assert found.mean == pytest.approx((0.3 + 0.1) / 2)
    assert np.isfinite(found.half)
    assert np.isnan(fold_difference(gaps[:1], np.zeros((1, 2)), 4).half)


def test_few_clients_whose_samples_tell() -> None:
    """Four gains of which the clients' own interval holds zero, the same on every fold."""
    choice = choose(final(fedem=[0.95, 0.6, 0.8, 0.9], local=[0.7, 0.62, 0.79, 0.89]))
    gain = difference(np.array([0.95, 0.6, 0.8, 0.9]), np.array([0.7, 0.62, 0.79, 0.89]))
    assert not gain.excludes_zero
    assert choice.advised.method == "fedem"
    assert choice.unproven is None
    assert choice.gain.score.mean == pytest.approx(gain.mean)
    assert choice.gain.score.sure > 0.999 > gain.sure


def test_where_evidence_is_thin_training_alone_is_advised() -> None:
    choice = choose(final(noise=0.2, fedem=[0.95, 0.6, 0.8, 0.9], local=[0.7, 0.62, 0.79, 0.89]))
    assert choice.advised.method == "local"
    assert choice.unproven.contestant.method == "fedem"
    assert choice.unproven.gain.score.mean == pytest.approx(0.0625)
    assert choice.unproven.gain.score.low < 0
    assert choice.unproven.gain.score.sure < 0.95
    assert choice.gain is None


def noisy(name: str, scores: list[float], loss: float = 0.0, noise: float = 0.2) -> RaceEntry:
    return entry(Contestant(name, name, {}), scores, loss, noise)


@pytest.mark.parametrize(
    ("score", "loss", "advised"),
    [(0.75, -0.1, "fedem"), (0.75, 0.1, "local"), (0.69, -0.1, "local")],
    ids=["above Local, and surely by loss", "surely worse by loss", "below Local"],
)
def test_loss_shows_what_the_score_cannot(score: float, loss: float, advised: str) -> None:
    alone = noisy("local", [0.6, 0.8, 0.75, 0.65], noise=0)
    entries = sorted((noisy("fedem", [score] * 4, loss), alone), key=lambda one: -one.score)
    choice = choose(Stage("end", Heat(4, 10, 5), tuple(entries)))
    assert choice.advised.method == advised
    if advised == "fedem":
        assert not choice.gain.score.excludes_zero
        assert choice.gain.loss.mean == pytest.approx(0.1)


def test_less_loss_does_not_advise_a_method_below_local() -> None:
    """FedEM leads, up and down by more than that; Ditto is below Local, with surely less loss."""
    entries = (
        noisy("fedem", [0.95, 0.65, 0.8]),
        noisy("local", [0.7] * 3, noise=0),
        noisy("ditto", [0.69] * 3, loss=-0.1, noise=0),
    )
    choice = choose(Stage("end", Heat(4, 10, 5), entries))
    assert choice.advised.method == "local"
    assert choice.unproven.contestant.method == "fedem"


def test_a_leader_that_is_not_shown_gives_way_to_a_method_that_is() -> None:
    """FedEM leads by five points, and up and down by more; Ditto is above Local on every fold."""
    entries = (
        noisy("fedem", [0.95, 0.65, 0.8]),
        noisy("ditto", [0.75] * 3, noise=0),
        noisy("local", [0.72] * 3, noise=0),
    )
    choice = choose(Stage("end", Heat(4, 10, 5), entries))
    assert (choice.leader.method, choice.advised.method) == ("fedem", "ditto")
    assert not choice.leader_shown


def test_of_equals_of_one_effort_the_one_of_less_loss() -> None:
    entries = tuple(
        noisy(name, [0.9, 0.901, 0.9], loss, noise=0)
        for name, loss in (("ditto", -0.1), ("apfl", -0.2))
    )
    choice = choose(Stage("end", Heat(4, 10, 5), (*entries, ALONE)))
    assert choice.advised.method == "apfl"
    assert choice.leader_shown


def test_how_losses_are_told_apart() -> None:
    draw = np.random.default_rng(0)
    losses = draw.normal(0.5, 0.1, (10, 4)), draw.normal(0.7, 0.1, (10, 4))
    one, alone = (ALONE._replace(losses_by_fold=each) for each in losses)
    assert evidence(one, alone, FOLDS).loss == fold_difference(losses[1], losses[0], FOLDS)


def test_what_the_race_saw_below_local_is_never_advised() -> None:
    """Clients are alike, so that FedAvg is as good as the leader and simpler, but below Local."""
    stage = final(
        noise=0.2, fedem=[0.95, 0.85, 0.9], local=[0.88, 0.9, 0.89], fedavg=[0.9, 0.88, 0.88]
    )
    choice = choose(stage, alike=True)
    assert choice.rivals[1].contestant.method == "fedavg"
    assert choice.rivals[1].tied
    assert choice.advised.method == "local"


def test_a_clear_leader_is_advised() -> None:
    choice = choose(
        final(fedem=[0.9, 0.91, 0.92, 0.9], fedavg=[0.8, 0.8, 0.82, 0.8], local=[0.5] * 4)
    )
    assert choice.advised.method == "fedem"
    assert choice.ties == ()


def test_of_equals_the_simpler_is_advised() -> None:
    choice = choose(
        final(
            fedem=[0.904, 0.90, 0.90, 0.90],
            ditto=[0.90, 0.903, 0.90, 0.90],
            fedavg=[0.8] * 4,
            local=[0.5] * 4,
        )
    )
    assert choice.leader.method == "fedem"
    assert choice.advised.method == "ditto"
    assert choice.ties == ()


def test_slight_but_certain_is_no_tie() -> None:
    choice = choose(final(fedem=[0.904, 0.904, 0.9041], fedavg=[0.9, 0.9, 0.9], local=[0.5] * 3))
    assert choice.advised.method == "fedem"


def test_uncertain_but_large_is_no_tie() -> None:
    choice = choose(final(fedem=[0.5, 0.9, 0.9], fedavg=[0.6, 0.7, 0.9], local=[0.1] * 3))
    assert not choice.rivals[0].behind.excludes_zero
    assert choice.advised.method == "fedem"


def test_where_clients_are_alike_more_effort_must_win_by_more_than_noise() -> None:
    close = final(fedem=[0.5, 0.9, 0.9], fedavg=[0.6, 0.7, 0.9], local=[0.1] * 3)
    assert choose(close, alike=True).advised.method == "fedavg"
    clear = final(fedem=[0.8, 0.9, 0.9], fedavg=[0.6, 0.7, 0.7], local=[0.1] * 3)
    assert choose(clear, alike=True).advised.method == "fedem"


def test_of_two_steps_that_do_as_well_the_one_of_less_loss() -> None:
    heat = Heat(4, 10, 5)
    steps = [
        entry(Contestant(f"fedavg-{lr:g}", "fedavg", {"lr": lr}), [0.8, 0.9, 0.9], loss)
        for lr, loss in ((0.1, 0.5), (0.3, 0.4), (1.0, 0.6))
    ]
    assert choose(Stage("end", heat, (*steps, ALONE))).advised.settings == {"lr": 0.3}


@pytest.mark.parametrize(("last", "advised"), [(0.95, "fedavg-1"), (0.97, "fedavg-3")])
def test_a_step_at_which_some_runs_fail_must_lead_by_a_point(last: float, advised: str) -> None:
    heat = Heat(4, 10, 5)
    entries = (
        entry(Contestant("fedavg-3", "fedavg", {"lr": 3.0}), [0.9, 0.8, last], 1.0),
        entry(Contestant("fedavg-1", "fedavg", {"lr": 1.0}), [0.8, 0.9, 0.93]),
        ALONE,
    )
    assert choose(Stage("end", heat, entries)).advised.label == advised


def test_settings_that_made_no_difference_take_one_place() -> None:
    fedavg, *others = (
        entry(Contestant(name, name, {}), [0.8, np.nan], loss)
        for name, loss in (("fedavg", 0.5), ("cfl", 0.5), ("ditto", 0.4))
    )
    assert without_duplicates([fedavg, *others]) == [fedavg, others[1]]


def test_who_diverged_is_never_advised() -> None:
    nothing = [np.nan] * 3
    choice = choose(final(fedavg=nothing, local=[0.5, 0.6, 0.7], ditto=nothing))
    assert choice.advised.method == "local"
    assert choice.rivals == ()


def test_mean_over_the_folds_that_judge_a_client() -> None:
    columns = np.array([[1.0, np.nan, np.nan], [0.0, 0.5, np.nan]])
    np.testing.assert_array_equal(mean_over_folds(columns), [0.5, 0.5, np.nan])
