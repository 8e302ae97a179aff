"""What is flagged of settings: edges, methods far below Local, methods near the baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from comparisons import comparison
from unalike.data.federation import Federation
from unalike.results.baseline import baseline_score
from unalike.results.facts import caption
from unalike.results.trials import best_so_far, chosen_rows, trials_table
from unalike.results.verdict import judge
from unalike.tuning.search_record import Judgement, MethodSearch, SearchRecord, Trial, order_of
from unalike.tuning.search_space import Axis

LOCAL = [0.80, 0.81, 0.79]


def search(values: list[list[float | None]], steps: list[float]) -> MethodSearch:
    """Trials with these scores by rung, and these steps; a rung takes 100 gradients."""
    trials = tuple(
        Trial(
            settings={} if k == 0 else {"lr": step},
            judged=tuple(
                Judgement(rounds=2 * r, gradients=100 * r, value=value, loss=1.0 if value else None)
                for r, value in enumerate(scores, start=1)
            ),
        )
        for k, (scores, step) in enumerate(zip(values, steps, strict=True))
    )
    axis = Axis("lr", 0.01, 1.0, log=True, whole=False, priority=0, default=0.1)
    return MethodSearch(axes=(axis,), trials=trials, order=order_of(trials, higher_is_better=True))


def tuned(scores: dict[str, list[float]], searches: dict[str, MethodSearch], **more: Any) -> Any:
    chosen = {label: dict(one.best.settings) for label, one in searches.items()}
    made = comparison(scores, tuning={"trials": 3, "chosen": chosen}, methods=chosen, rounds=4)
    record = SearchRecord(
        measure="accuracy", higher_is_better=True, whole_run=200, budget=2.5, searches=searches
    )
    return replace(made, tuning=record, baseline=0.2, **more)


def settings(of: Any) -> str:
    return " ".join(one.text for one in judge(of).sentences if one.topic == "settings")


INSIDE = search([[0.5, 0.6], [0.7, 0.8], [0.2]], [0.1, 0.3, 0.03])
AT_EDGE = search([[0.5, 0.6], [0.7, 0.8], [0.2]], [0.1, 0.95, 0.03])
SHORT = search([[0.5], [0.7], [0.2]], [0.1, 0.3, 0.03])


def test_a_chosen_setting_at_the_edge_is_flagged() -> None:
    found = settings(tuned({"local": LOCAL, "fedavg": LOCAL}, {"fedavg": AT_EDGE, "local": INSIDE}))
    assert "FedAvg: the chosen lr = 0.95 lies at the upper edge" in found
    assert "0.01 to 1" in found
    assert "[tuning.ranges.fedavg]" in found
    assert "Local" not in found


@pytest.mark.parametrize(
    ("method", "one", "reason"),
    [
        ("fedavg", INSIDE, "One model for everybody"),
        ("ditto", INSIDE, "hardly a matter of settings"),
        ("ditto", AT_EDGE, "lie at the edge"),
        ("ditto", SHORT, "judged after fewer rounds"),
    ],
)
def test_a_method_far_below_local_is_flagged_with_the_likely_reason(
    method: str, one: MethodSearch, reason: str
) -> None:
    found = settings(tuned({"local": LOCAL, method: [0.6, 0.61, 0.6]}, {method: one}))
    assert "Far below Local:" in found
    assert "(-19.7 points)" in found
    assert reason in found
    near = settings(tuned({"local": LOCAL, method: [0.7, 0.7, 0.7]}, {method: one}))
    assert "Far below Local" not in near  # 10 points of the 60 above the baseline


def test_a_method_near_the_baseline_is_flagged() -> None:
    found = settings(tuned({"local": LOCAL, "ditto": [0.23, 0.22, 0.24]}, {"ditto": INSIDE}))
    assert "Hardly better than a guess without looking, 20.0 %: ditto (23.0 %)." in found
    assert "Far below" not in found
    above = settings(tuned({"local": LOCAL, "ditto": [0.3, 0.3, 0.3]}, {"ditto": INSIDE}))
    assert "Hardly" not in above


def test_where_nothing_was_tuned_that_is_the_reason_and_said_everywhere() -> None:
    made = replace(comparison({"local": LOCAL, "pfedme": [0.4, 0.4, 0.4]}), baseline=0.2)
    assert "Far below Local: pFedMe (-40.0 points). Nothing was tuned" in settings(made)
    assert judge(made).headline.startswith("Untuned: ")
    assert "untuned" in caption(made)
    same = tuned({"local": LOCAL, "pfedme": LOCAL}, {"pfedme": INSIDE, "local": INSIDE})
    assert "ntuned" not in judge(same).headline + caption(same)
    assert "3 trials a method" in caption(same)
    assert "pfedme: lr = 0.3" in caption(same)
    assert "untuned local" in caption(tuned({"local": LOCAL, "pfedme": LOCAL}, {"pfedme": INSIDE}))


def test_without_a_baseline_nothing_is_called_far() -> None:
    made = comparison({"local": LOCAL, "pfedme": [0.4, 0.4, 0.4]})
    assert settings(made) == ""


def test_the_table_of_trials_and_the_best_so_far() -> None:
    made = tuned({"local": LOCAL, "fedavg": LOCAL}, {"fedavg": INSIDE})
    table = trials_table(made)
    assert table["trial"].tolist() == [1, 0, 2]
    assert table["rank"].tolist() == [1, 2, 3]
    assert table["lr"].tolist() == [0.3, 0.1, 0.03]
    assert table["accuracy"].tolist() == [0.8, 0.6, 0.2]
    assert table["gradients"].tolist() == [200, 200, 100]
    line = best_so_far(made.tuning, "fedavg")
    assert line == [(0.5, 0.5), (1.0, 0.7), (1.5, 0.7), (2.0, 0.7), (2.5, 0.8)]
    row = chosen_rows(made)[0]
    assert row.chosen == "lr = 0.3"
    assert row.score == "80.0 %"
    assert row.defaults == "2 of 3"
    assert row.spent == "2.50 of 2.50"


def test_the_baseline_of_classes_is_the_largest_class_of_all_clients_together() -> None:
    x = np.zeros((40, 1))
    y = np.array([0] * 20 + [0] * 5 + [1] * 15)
    found = Federation.from_arrays(x, y, client=np.repeat(["a", "b"], 20), test=0.5)
    held = found.y_test.numpy()
    shares = [float((held[found.test.rows(k)] == 0).mean()) for k in range(2)]
    assert baseline_score(found) == pytest.approx(np.mean(shares))
    assert shares[0] == 1 > shares[1]
