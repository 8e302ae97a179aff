"""Which trial is chosen."""

from __future__ import annotations

from unalike.tuning.search_record import Judgement, Trial, order_of


def trial(*values: float | None) -> Trial:
    judged = [
        Judgement(rounds=2 * k, gradients=10 * k, value=value, loss=None if value is None else 1.0)
        for k, value in enumerate(values, 1)
    ]
    return Trial(settings={}, judged=tuple(judged))


def test_who_came_further_comes_first() -> None:
    trials = [trial(0.9), trial(0.5, 0.6), trial(0.4, 0.7)]
    assert order_of(trials, higher_is_better=True) == (2, 1, 0)
    assert order_of(trials, higher_is_better=False) == (1, 2, 0)


def test_whoever_diverges_at_the_end_is_not_chosen() -> None:
    trials = [trial(0.9), trial(0.5, None), trial(None)]
    assert order_of(trials, higher_is_better=True) == (0, 1, 2)
    assert order_of([trial(0.5, None), trial(0.4, 0.1)], higher_is_better=True) == (1, 0)
