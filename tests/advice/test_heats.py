"""How a race goes and what it may cost."""

from __future__ import annotations

from itertools import pairwise

import pytest

from unalike.advice.candidates import CANDIDATES, REFERENCES
from unalike.advice.heats import FINALISTS, halving_heats, schedule_race
from unalike.errors import InputError


@pytest.mark.parametrize("contestants", [1, 3, 8, 9, 20, 41])
@pytest.mark.parametrize("folds", [2, 3, 5])
def test_the_field_only_shrinks_and_the_evidence_only_grows(contestants: int, folds: int) -> None:
    found = halving_heats(contestants, 20, folds)
    assert found[0].most == contestants
    assert found[-1].most <= FINALISTS
    assert (found[-1].rounds, found[-1].folds) == (20, 2 * folds)
    for earlier, later in pairwise(found):
        assert later.most <= earlier.most
        assert later.folds > earlier.folds
        assert later.rounds == earlier.rounds == 20


@pytest.mark.proof("fixed point", "the price of a race of three settings, counted by hand")
def test_price_by_hand() -> None:
    plan = schedule_race(
        ["local", "fedavg", "finetuning"], rounds=10, folds=4, samples=7, budget=None
    )
    stepped = 10 * 10 * 3 + 4 * 10 * 5  # ten step sizes on three folds, four of them on the rest
    heats_ = 3 * 80  # three settings: three folds, then all four of both cuts
    around = 2 * 80  # the leader with two other steps
    assert plan.price == (stepped + heats_ + around) * 7


def test_a_budget_leaves_out_the_last_of_the_shortlist() -> None:
    names = [*REFERENCES, "ditto", "fedem"]
    free = schedule_race(names, rounds=10, folds=3, samples=100, budget=None)
    less = schedule_race(names, rounds=10, folds=3, samples=100, budget=free.price - 1)
    assert free.left_out == ()
    assert less.left_out == ("fedem",)
    assert less.price < free.price
    with pytest.raises(InputError, match="too small"):
        schedule_race(names, rounds=10, folds=3, samples=100, budget=10)


def test_every_candidate_can_be_built() -> None:
    for candidate in CANDIDATES.values():
        usual = candidate.settings(0.3, 0.03)[: max(1, len(candidate.values))]
        for settings in usual:
            method = candidate.build(settings)
            for name in candidate.shared:
                assert getattr(method, name) == 0.3
            for name in candidate.personal:
                assert getattr(method, name) == 0.03
        assert len(usual) <= len(candidate.settings(0.3, 0.03)) == candidate.most


def test_methods_with_two_steps_are_tried_with_one_for_both() -> None:
    *usual, last = CANDIDATES["ditto"].settings(0.3, 0.03)
    assert last == {**usual[1], "personal_lr": 0.3}
    assert len(CANDIDATES["ditto"].settings(0.3, 0.3)) == len(usual)


def test_candidates_come_in_the_order_of_effort() -> None:
    efforts = [candidate.effort for candidate in CANDIDATES.values()]
    assert efforts == sorted(efforts)
