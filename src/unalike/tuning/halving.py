"""Successive halving: many trials for a short time, the better half for twice as long.

Source  Jamieson and Talwalkar, AISTATS 2016
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

FINALISTS = 2
"""So many trials take as long as a run of the study."""
FEWEST_ROUNDS = 2
"""A trial takes at least as long as so many rounds of FedAvg before it is judged."""


class Rung(NamedTuple):
    """How many trials there are, and how far each has come when they are judged."""

    trials: int
    share: float  # of what a whole run takes


def rungs(trials: int, rounds: int) -> tuple[Rung, ...]:
    """The rungs of a search: shares double up to 1, and the number of trials falls evenly.

    Short studies have fewer rungs, so that no trial is judged on next to nothing.

        >>> rungs(16, rounds=50)
        (Rung(trials=16, share=0.125), Rung(trials=8, share=0.25), \
Rung(trials=4, share=0.5), Rung(trials=2, share=1.0))
    """
    last = min(trials, FINALISTS)
    wanted = len(halved(trials, last))
    possible = int(math.log2(max(1.0, rounds / FEWEST_ROUNDS))) + 1
    steps = min(wanted, possible) - 1
    if steps == 0:
        return (Rung(trials, 1.0),)
    return tuple(
        Rung(math.ceil(trials * (last / trials) ** (k / steps) - 1e-9), 0.5 ** (steps - k))
        for k in range(steps + 1)
    )


def halved(count: int, least: int) -> tuple[int, ...]:
    """A field that halves until no more than `least` are left: 13 -> 13, 7, 6 with six at least."""
    found = [count]
    while found[-1] > least:
        found.append(max(least, -(-found[-1] // 2)))
    return tuple(found)


def whole_runs(ladder: Sequence[Rung]) -> float:
    """What a search takes, in whole runs: a trial that goes on does not begin anew."""
    before = [0.0, *(rung.share for rung in ladder)]
    return sum(
        rung.trials * (rung.share - done) for rung, done in zip(ladder, before, strict=False)
    )


def survivors(keys: Sequence[tuple[float, ...]], count: int) -> list[int]:
    """The places of the best keys, smaller being better, in their order; of equals the first."""
    best = sorted(range(len(keys)), key=lambda k: (keys[k], k))[:count]
    return sorted(best)


def reached(spent: Sequence[int], allowance: int) -> int | None:
    """After how many rounds an allowance is spent: another round like those so far would not fit.

    spent: what each round took, in gradients of single samples. At least one round is done. None
    where the allowance suffices for more rounds than these.
    """
    total = 0
    for done, taken in enumerate(spent, start=1):
        total += taken
        if total + total / done > allowance:
            return done
    return None
