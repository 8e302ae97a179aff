"""The figures of a search: every trial where it belongs."""

from __future__ import annotations

from dataclasses import replace

from comparisons import comparison
from unalike.report.figures import figure_of
from unalike.results.comparison import Comparison
from unalike.tuning.search_record import Judgement, MethodSearch, SearchRecord, Trial, order_of
from unalike.tuning.search_space import Axis

LR = Axis("lr", 0.01, 1.0, log=True, whole=False, priority=0, default=0.1)
LAM = Axis("lam", 0.0, 4.0, log=False, whole=False, priority=1, default=None)


def search(*axes: Axis) -> MethodSearch:
    """Three trials: the defaults, one that went on, and one that diverged."""

    def judged(*values: float | None) -> tuple[Judgement, ...]:
        return tuple(
            Judgement(rounds=k, gradients=10 * k, value=value, loss=value)
            for k, value in enumerate(values, start=1)
        )

    trials = (
        Trial(settings={}, judged=judged(0.5)),
        Trial(settings={"lr": 0.3, "lam": 2.0}, judged=judged(0.6, 0.7)),
        Trial(settings={"lr": 0.9, "lam": 3.0}, judged=judged(None)),
    )
    order = order_of(trials, higher_is_better=True)
    return MethodSearch(axes=axes, trials=trials, order=order)


def tuned() -> Comparison:
    made = comparison({"local": [0.7, 0.6], "ditto": [0.8, 0.7]})
    record = SearchRecord(
        measure="accuracy",
        higher_is_better=True,
        whole_run=20,
        budget=2.0,
        searches={"local": search(LR), "ditto": search(LR, LAM)},
    )
    return replace(made, tuning=record)


def test_the_map_shows_trials_at_their_first_rung_and_rings_the_chosen_one() -> None:
    sound, lost = figure_of(tuned(), "sensitivity", "ditto").data
    assert (list(sound.x), list(sound.y)) == ([0.3], [2.0])  # the default lam is nowhere
    assert list(sound.marker.color) == [0.6]
    assert list(sound.marker.line.width) == [2.5]
    assert (list(lost.x), list(lost.y)) == ([0.9], [3.0])


def test_over_one_axis_the_score_stands_upright() -> None:
    figure = figure_of(tuned(), "sensitivity", "Local")
    (sound,) = figure.data
    assert list(zip(sound.x, sound.y, strict=True)) == [(0.1, 0.5), (0.3, 0.6)]
    assert sound.marker.size[1] > sound.marker.size[0]
    assert figure.layout.xaxis.type == "log"


def test_the_best_so_far_stands_over_what_was_spent() -> None:
    lines = {trace.name: trace for trace in figure_of(tuned(), "search").data}
    assert list(lines["Local"].x) == [0.5, 1.0, 1.5, 2.0]
    assert list(lines["Local"].y) == [0.5, 0.6, 0.6, 0.7]
