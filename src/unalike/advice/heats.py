"""How a race goes: step sizes, then heats in which half of the field drops out, then the leader's.

A heat gives every contestant that is left more evidence, on more folds; for the last the samples
are cut into folds a second time. What a race computes at most is known before it starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from unalike.errors import InputError
from unalike.tuning.halving import halved

from .candidates import AROUND, BEYOND, CANDIDATES, STEPPED, STEPS

FINALISTS = 6
FIRST_FOLDS = 3
"""On how many folds steps are looked for, and the first heat is run."""
CUTS = 2
"""How often the samples are cut into folds for the last heat."""
ALONG = 2
"""How many steps of FedAvg and of Local run along to the end."""


class Heat(NamedTuple):
    """How many run, for how long, on how many folds."""

    most: int
    rounds: int
    folds: int


class RaceSchedule(NamedTuple):
    """The heats, and what they cost at most."""

    steps: Heat  # of FedAvg and Local, to find their step sizes
    heats: tuple[Heat, ...]  # of all others; the two best FedAvg and Local run along
    price: int  # gradients of single samples
    methods: tuple[str, ...]  # in the race
    left_out: tuple[str, ...]  # for want of budget


def halving_heats(contestants: int, rounds: int, folds: int) -> tuple[Heat, ...]:
    """Each heat halves the field, down to the finalists, which run on all folds of all cuts.

    All rounds from the first heat on: methods that part clients, or correct their drift, need them
    to show what they can do.
    """
    seen = min(FIRST_FOLDS, folds)
    counts = halved(contestants, least=FINALISTS)[: 1 + folds - seen]
    found = [Heat(left, rounds, seen + number) for number, left in enumerate(counts)]
    return (*found, Heat(min(counts[-1], FINALISTS), rounds, CUTS * folds))


def race_price(works: Sequence[float], steps: Heat, field: Sequence[Heat]) -> float:
    """The most that a race computes, in passes over the samples of a fold.

    works: gradients for each sample and pass, one number a contestant.
    """
    dearest = sorted(works, reverse=True)
    total = float(steps.most * steps.rounds * steps.folds)
    total += len(STEPPED) * ALONG * steps.rounds * (field[-1].folds - steps.folds)
    done = 0
    for heat in field:
        total += sum(dearest[: heat.most]) * (heat.rounds * heat.folds - done)
        done = heat.rounds * heat.folds
    return total + len(AROUND) * max(1.0, *dearest) * done


def schedule_race(
    methods: Sequence[str], *, rounds: int, folds: int, samples: int, budget: int | None
) -> RaceSchedule:
    """The race of these methods, the likeliest first; the last are left out where it is too dear.

    samples: in one pass of all clients over a fold, local epochs included.

    Raises:
        InputError: the budget does not even suffice for the references.
    """
    steps = Heat(len(STEPPED) * (len(STEPS) + BEYOND), rounds, min(FIRST_FOLDS, folds))
    others = [name for name in methods if name not in STEPPED]
    for count in range(len(others), 0, -1):
        works = [
            CANDIDATES[name].work for name in others[:count] for _ in range(CANDIDATES[name].most)
        ]
        field = halving_heats(len(works), rounds, folds)
        cost = round(race_price(works, steps, field) * samples)
        if budget is None or cost <= budget:
            return RaceSchedule(
                steps, field, cost, (*STEPPED, *others[:count]), tuple(others[count:])
            )
    raise InputError(
        f"A budget of {budget:,} gradients is too small: the references alone can take {cost:,}; "
        "give more, fewer rounds or fewer folds."
    )
