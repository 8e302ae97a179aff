"""Successive halving: who goes on, and what that takes."""

import itertools

import pytest

from unalike.tuning.halving import (
    FEWEST_ROUNDS,
    Rung,
    halved,
    reached,
    rungs,
    survivors,
    whole_runs,
)


def test_sixteen_trials_of_fifty_rounds_take_five_whole_runs() -> None:
    ladder = rungs(16, rounds=50)
    assert ladder == (Rung(16, 1 / 8), Rung(8, 1 / 4), Rung(4, 1 / 2), Rung(2, 1.0))
    assert whole_runs(ladder) == 16 / 8 + 8 / 8 + 4 / 4 + 2 / 2


@pytest.mark.parametrize("trials", [1, 2, 3, 5, 7, 16, 33, 100])
@pytest.mark.parametrize("rounds", [1, 2, 3, 5, 50, 1000])
def test_every_search_begins_with_all_and_ends_with_whole_runs(trials: int, rounds: int) -> None:
    ladder = rungs(trials, rounds)
    counts, shares = zip(*ladder, strict=True)
    assert counts[0] == trials
    assert shares[-1] == 1
    assert list(counts) == sorted(counts, reverse=True)
    assert all(later == 2 * earlier for earlier, later in itertools.pairwise(shares))
    assert shares[0] * rounds >= min(rounds, FEWEST_ROUNDS)
    assert len(ladder) == 1 or counts[-1] == min(trials, 2)
    assert whole_runs(ladder) <= trials


def test_who_goes_on_are_the_best_and_of_equals_the_first() -> None:
    keys = [(3.0, 0.0), (1.0, 5.0), (1.0, 4.0), (2.0, 0.0), (1.0, 4.0)]
    assert survivors(keys, 2) == [2, 4]
    assert survivors(keys, 3) == [1, 2, 4]
    assert survivors(keys, 9) == [0, 1, 2, 3, 4]


def test_an_allowance_is_spent_where_another_round_would_not_fit() -> None:
    assert reached([10, 10, 10], 30) == 3
    assert reached([10, 10, 10], 29) == 2
    assert reached([10, 10], 30) is None
    assert reached([50, 50], 30) == 1  # one round is always done
    assert reached([8, 12, 10], 39) == 3
    assert reached([], 5) is None


def test_a_field_halves_down_to_the_least() -> None:
    assert halved(13, least=6) == (13, 7, 6)
    assert halved(16, least=2) == (16, 8, 4, 2)
    assert halved(5, least=2) == (5, 3, 2)
    assert halved(3, least=6) == (3,)
