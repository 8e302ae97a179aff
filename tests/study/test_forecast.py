"""What a study is foretold to take, before anything long begins."""

from __future__ import annotations

import pytest

from small_studies import SMALL
from unalike.api.compare import foretold
from unalike.study import forecast as forecasts
from unalike.study.forecast import forecast, is_long
from unalike.study.inputs import UserInputs, deal_study, problem_for
from unalike.study.settings import make_study

STUDY = make_study({**SMALL, "methods": "fedavg,per_fedavg", "seeds": 2})
FEDERATION = deal_study(STUDY, 0)
PROBLEM = problem_for(STUDY, FEDERATION, UserInputs())


def test_a_short_study_is_not_timed() -> None:
    assert not is_long(STUDY, PROBLEM, FEDERATION)
    assert foretold(STUDY, FEDERATION, UserInputs(), 2) == ()
    assert is_long(STUDY.model_copy(update={"rounds": 10**6}), PROBLEM, FEDERATION)


def test_what_is_foretold_follows_from_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local, FedAvg and Per-FedAvg, which takes more gradients: runs, rounds and jobs multiply."""
    monkeypatch.setattr(forecasts, "round_seconds", lambda *_: (0.5, 2.0))
    monkeypatch.setattr(forecasts, "held_memory", lambda: 10**9)
    one = forecast(STUDY, PROBLEM, FEDERATION, jobs=1)
    assert (one.runs, one.rounds, one.at_once) == (6, 3, 1)
    assert one.seconds > 2.0 * 3 * 2 * 3, "Per-FedAvg takes more gradients than FedAvg"
    two = forecast(STUDY, PROBLEM, FEDERATION, jobs=2)
    assert two.seconds == pytest.approx(one.seconds / 2)
    assert two.memory == 2 * one.memory > 2 * 10**9
    alone = make_study({**SMALL, "methods": "fedavg"})
    assert forecast(alone, PROBLEM, FEDERATION, jobs=9).at_once == 2
    assert forecast(alone, PROBLEM, FEDERATION, jobs=1).seconds == pytest.approx(2.0 * 3 * 2)


def test_the_sentence_says_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "LONG", 0)
    (said,) = foretold(STUDY, FEDERATION, UserInputs(), 2)
    assert said.startswith("6 runs of 3 rounds, 2 at a time: about ")
    for option in ("--rounds", "--seeds", "--methods", "--model", "--jobs"):
        assert option in said


def test_a_search_is_counted_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four trials of three rounds: one rung, so four whole runs more of each method."""
    monkeypatch.setattr(forecasts, "round_seconds", lambda *_: (0.5, 2.0))
    plain = make_study({**SMALL, "methods": "fedavg"})
    tuned = make_study({**SMALL, "methods": "fedavg", "tuning": 4})
    seconds = [forecast(one, PROBLEM, FEDERATION, jobs=1).seconds for one in (plain, tuned)]
    assert seconds[1] - seconds[0] == pytest.approx(2.0 * 3 * 2 * 4)
    done = tuned.model_copy(update={"tuning": tuned.tuning.model_copy(update={"chosen": {}})})
    assert forecast(done, PROBLEM, FEDERATION, jobs=1).seconds == pytest.approx(seconds[0])
    monkeypatch.setattr(forecasts, "LONG", 0)
    (said,) = foretold(tuned, FEDERATION, UserInputs(), 2)
    assert said.startswith("A search of 4 trials a method, then 2 runs of 3 rounds")
