"""The verdict says what the seeds say, and no more."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from comparisons import comparison, offsets
from unalike.results.intervals import over_seeds, paired
from unalike.results.verdict import judge
from unalike.results.verdict_sentences import difference_text
from unalike.tasks.classes import Classes

LOCAL = [0.80, 0.81, 0.79]
FEDAVG = [0.60, 0.62, 0.59]
MEFL = [0.90, 0.905, 0.902]


def text(verdict):
    return str(verdict)


def said(verdict, topic):
    return " ".join(s.text for s in verdict.sentences if s.topic == topic)


def test_an_interval_is_that_of_the_paired_t_test():
    ours, theirs = pd.Series(MEFL), pd.Series(LOCAL)
    interval = paired(ours, theirs)
    test = stats.ttest_rel(MEFL, LOCAL).confidence_interval(0.95)
    assert interval.low == pytest.approx(test.low)
    assert interval.high == pytest.approx(test.high)
    assert interval.excludes_zero


def test_pairs_are_made_by_seed_and_only_of_seeds_that_both_have():
    ours = pd.Series([0.9, 0.8, 0.7], index=[0, 1, 2])
    theirs = pd.Series([0.5, 0.6], index=[2, 1])
    interval = paired(ours, theirs)
    assert interval.seeds == 2
    assert interval.mean == pytest.approx(0.2)


def test_one_seed_and_none_have_no_interval():
    assert not over_seeds([0.3]).known
    assert not over_seeds([0.3]).excludes_zero
    assert math.isnan(over_seeds([]).mean)
    assert math.isnan(over_seeds([math.nan]).mean)


def test_a_clear_win():
    verdict = judge(comparison({"local": LOCAL, "fedavg": FEDAVG, "mefl": MEFL}))
    assert verdict.best == "mefl"
    assert verdict.headline == "Untuned: MEFL helps most (decided)."
    assert verdict.differs_from("local")
    assert verdict.differs_from("fedavg")
    test = stats.ttest_rel(MEFL, LOCAL).confidence_interval(0.95)
    interval = f"95 % interval {100 * test.low:+.1f} to {100 * test.high:+.1f} points"
    assert f"Against Local, the runner-up: +10.2 points ({interval}" in said(verdict, "local")
    assert "90.2 %" in said(verdict, "winner")
    spread = 100 * offsets(8).std()
    assert f"standard deviation over clients of {spread:.1f} points" in said(verdict, "winner")


def test_a_tie_with_local_is_no_proof_that_federating_helps():
    verdict = judge(comparison({"local": LOCAL, "fedavg": FEDAVG, "mefl": [0.81, 0.80, 0.81]}))
    assert verdict.best == "mefl"
    assert "cannot be told apart from training alone" in verdict.headline
    assert "cannot be told apart" in said(verdict, "local")
    assert "cannot be told apart" not in said(verdict, "contrast")


def test_every_rival_that_ties_is_named():
    tied = {f"method_{k}": [v + 0.001 * k for v in MEFL[k:] + MEFL[:k]] for k in range(3)}
    verdict = judge(comparison({"local": LOCAL, "fedavg": FEDAVG, **tied}))
    rest = [f"method_{k}" for k in range(3) if f"method_{k}" != verdict.best]
    assert all(name in verdict.headline for name in rest)
    assert "Nor can it be told apart from" in said(verdict, "contrast")


def test_one_seed_gives_no_interval():
    verdict = judge(comparison({"local": [0.8], "fedavg": [0.6], "mefl": [0.9]}))
    assert "one seed cannot say" in verdict.headline
    assert "no interval can be given" in said(verdict, "local")
    assert "95 %" not in text(verdict)
    assert not verdict.differs_from("local")


def test_when_local_wins_federating_does_not_help():
    verdict = judge(comparison({"local": LOCAL, "fedavg": FEDAVG, "mefl": [0.7, 0.72, 0.69]}))
    assert verdict.best == "local"
    assert verdict.headline.startswith("Untuned: Federating does not help here")
    assert "federating does not help" in said(verdict, "winner")
    assert "MEFL harms" in said(verdict, "harmed")


def test_when_local_leads_by_chance_that_is_not_called_a_win():
    verdict = judge(comparison({"local": LOCAL, "fedavg": [0.79, 0.82, 0.77]}))
    assert verdict.best == "local"
    assert verdict.headline.endswith("no method has a better average than Local (not decided).")
    assert "cannot be told apart" in said(verdict, "contrast")


def test_centralised_is_never_the_winner():
    everything = {"local": LOCAL, "fedavg": FEDAVG, "centralised": [0.99, 0.98, 0.99]}
    verdict = judge(comparison(everything))
    assert verdict.best == "local"
    assert "not a federated method" in said(verdict, "winner")
    assert "98.7 %" in said(verdict, "winner")
    assert "centralised" not in verdict.harmed


def test_a_method_that_diverged_is_named_and_not_ranked():
    made = comparison(
        {"local": LOCAL, "fedavg": FEDAVG, "mefl": MEFL}, diverged={("mefl", 1): 4, ("mefl", 2): 7}
    )
    verdict = judge(made)
    assert verdict.best == "local"
    assert verdict.diverged == {"mefl": {1: 4, 2: 7}}
    assert (
        said(verdict, "diverged")
        == "MEFL diverged in round 4 of seed 1 and round 7 of seed 2; it is not ranked."
    )


def test_when_all_diverged_nobody_wins():
    made = comparison(
        {"local": [0.5], "fedavg": [0.4]}, diverged={("local", 0): 1, ("fedavg", 0): 2}
    )
    verdict = judge(made)
    assert verdict.best is None
    assert verdict.headline == "No method finished."


def test_nothing_run_is_nothing_judged():
    made = comparison({"local": [0.5]})
    verdict = judge(dataclasses.replace(made, frame=made.frame.iloc[:0]))
    assert verdict.headline == "There is nothing to compare yet."


def test_without_local_nobody_can_say_whether_federating_helps():
    verdict = judge(comparison({"fedavg": FEDAVG, "mefl": MEFL}))
    assert "Local was not run" in said(verdict, "local")
    assert not verdict.harmed


def test_who_is_harmed_is_named_by_seed_where_each_seed_deals_anew():
    verdict = judge(comparison({"local": LOCAL, "fedavg": FEDAVG, "mefl": MEFL}))
    harm = verdict.harmed["mefl"]
    gains = np.concatenate([m - a + 2 * offsets(8) for m, a in zip(MEFL, LOCAL, strict=True)])
    assert harm.share.mean == pytest.approx((gains < 0).mean())
    assert len(harm.clients) == (gains < 0).sum()
    assert harm.clients[0].name == "client 0 of seed 1"
    assert harm.clients[0].gain == pytest.approx(gains.min())
    assert "client 0 of seed 1" in said(verdict, "harmed")


def test_clients_that_stay_the_same_are_averaged_over_seeds():
    made = comparison({"local": LOCAL, "fedavg": FEDAVG, "mefl": MEFL}, split="natural")
    harm = judge(made).harmed["mefl"]
    gains = np.mean(MEFL) - np.mean(LOCAL) + 2 * offsets(8)
    assert [client.name for client in harm.clients] == ["client 0", "client 1"]
    assert [client.gain for client in harm.clients] == pytest.approx(sorted(gains[gains < 0]))


def test_a_client_is_called_by_its_own_name():
    hospitals = [f"hospital {letter}" for letter in "ABCDEFGHIJ"]
    made = comparison({"local": LOCAL, "fedavg": FEDAVG}, names=hospitals, split="natural")
    assert "most of all hospital A (" in said(judge(made), "harmed")


def test_nobody_harmed_is_said():
    verdict = judge(comparison({"local": [0.5, 0.51], "fedavg": [0.9, 0.92]}))
    assert said(verdict, "harmed") == (
        "Nobody is harmed by FedAvg: no client does worse than alone."
    )


def test_costs_are_counted_against_fedavg():
    verdict = judge(comparison({"local": LOCAL, "fedavg": FEDAVG, "mefl": MEFL}))
    assert "sent 12.0 MB (0.5 x FedAvg)" in said(verdict, "cost")
    assert "computed 36.0 k gradients (1.5 x FedAvg)" in said(verdict, "cost")


def test_new_clients_have_a_winner_of_their_own():
    made = comparison({"local": LOCAL, "fedavg": FEDAVG, "mefl": MEFL})
    frame = made.frame.copy()
    better = (frame["method"] == "fedavg") & (frame["metric"] == "new_accuracy_mean_best")
    frame.loc[better, "value"] += 0.35
    verdict = judge(dataclasses.replace(made, frame=frame))
    assert verdict.best == "mefl"
    assert "best there, FedAvg reaches 90.3 %" in said(verdict, "new")
    assert "cannot be told apart" not in said(verdict, "new")


def test_accuracies_are_not_mixed():
    verdict = judge(comparison({"local": LOCAL, "fedavg": FEDAVG, "mefl": MEFL}))
    personalised, shared, new = ("90.2 %", "80.2 %", "85.2 %")
    assert personalised in said(verdict, "winner")
    assert shared in said(verdict, "global")
    assert new in said(verdict, "new")
    assert shared not in said(verdict, "winner")
    assert new not in said(verdict, "winner")


def test_without_new_clients_nothing_is_said_of_them():
    verdict = judge(comparison({"local": LOCAL, "fedavg": FEDAVG}, new=0))
    assert not said(verdict, "new")


def test_the_last_round_can_be_judged_too():
    made = comparison({"local": LOCAL, "fedavg": FEDAVG, "mefl": MEFL})
    verdict = judge(made, "last")
    assert "89.2 %" in said(verdict, "winner")
    assert "last round" in said(verdict, "winner")


def test_a_seed_that_only_some_finished_is_said():
    made = comparison({"local": LOCAL, "fedavg": FEDAVG, "mefl": MEFL[:2]})
    verdict = judge(made)
    assert verdict.contrasts["local"].seeds == 2
    assert "paired over 2 seeds" in said(verdict, "local")


def test_a_difference_without_common_seeds_is_not_made_up():
    assert "no difference can be given" in difference_text(over_seeds([]), Classes.of(2).main)


def test_nobody_tells():
    nothing = comparison({"local": [math.nan], "fedavg": [math.nan]})
    assert judge(nothing).headline == "There is nothing to compare yet."
    hidden = dataclasses.replace(nothing, hidden=("north",))
    assert judge(hidden).headline == (
        "No client tells its accuracy, so the methods cannot be compared."
    )
