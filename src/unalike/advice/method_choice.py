"""What a race says: the leader, whom it cannot be told apart from, and whom to prefer of those."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from unalike.tasks import Measure

from .client_differences import NEAR, SLIGHT, Difference, difference, scale_of, tied
from .evidence import Evidence, evidence
from .race import Contestant, RaceEntry, Stage


class Rival(NamedTuple):
    """Another finalist, and by how much the leader is above it."""

    contestant: Contestant
    behind: Difference
    tied: bool  # with the leader, as far as the race can say


class Unproven(NamedTuple):
    """What would be advised if it were shown to beat training alone, and how far it is."""

    contestant: Contestant
    gain: Evidence  # beside Local


class Choice(NamedTuple):
    """The advised contestant, and why it and no other."""

    advised: Contestant
    leader: Contestant
    rivals: tuple[Rival, ...]  # the best first
    unproven: Unproven | None = None  # where Local is advised for want of evidence
    gain: Evidence | None = None  # of the advised beside Local, where it is another
    leader_shown: bool = True  # to beat training alone

    @property
    def ties(self) -> tuple[Rival, ...]:
        """Other methods than the advised that do as well, each with its best settings."""
        best: dict[str, Rival] = {}
        for rival in self.rivals:
            if rival.tied and rival.contestant.method != self.advised.method:
                best.setdefault(rival.contestant.method, rival)
        return tuple(best.values())


def choose(final: Stage, main: Measure, folds: int, *, alike: bool = False) -> Choice:
    """The best method that is shown to beat training alone, or the simplest that does as well.

    As well means: less than half a point behind, and not told apart by the clients. Where the
    diagnosis found the clients alike it is enough not to be told apart: a method of more effort
    then has to win by more than noise. Of methods of the same effort, and of the settings of one
    method that are less than a point apart and cannot be told apart by score, those of least loss
    are taken: loss is the steadier measure of the two, and it betrays steps so large that some runs
    fail.

    Local is advised where it does as well as the leader, and where nothing is shown to beat it.
    """
    leader = final.entries[0]
    known = [one for one in final.entries if np.isfinite(one.score)]
    scale = scale_of(main, leader.score)
    noise = math.inf if alike else SLIGHT * scale
    rivals = tuple(_rival(one, leader, noise) for one in known[1:])
    best_alone = best_entry(final.entries, "local")
    alone = least_loss(final.entries, best_alone, main)
    helpers = [one for one in known if one.contestant.method != "local"]
    if not helpers or _as_well(best_alone, leader, SLIGHT * scale):
        return Choice(alone.contestant, leader.contestant, rivals)
    shown = [
        one for one in helpers if not np.isfinite(alone.score) or evidence(one, alone, folds).shown
    ]
    able = shown or helpers
    equals = [one for one in able if _as_well(one, able[0], noise)]
    simplest = min(equals, key=lambda one: (one.contestant.effort, one.loss))
    advised = least_loss(able, simplest, main)
    gain = evidence(advised, alone, folds)
    if not shown:
        unproven = Unproven(advised.contestant, gain)
        return Choice(alone.contestant, leader.contestant, rivals, unproven)
    return Choice(
        advised.contestant,
        leader.contestant,
        rivals,
        gain=gain,
        leader_shown=any(one is leader for one in shown),
    )


def _rival(one: RaceEntry, leader: RaceEntry, slight: float) -> Rival:
    behind = difference(leader.scores, one.scores)
    return Rival(one.contestant, behind, tied(behind, slight=slight))


def _as_well(one: RaceEntry, other: RaceEntry, slight: float) -> bool:
    return one is other or tied(difference(other.scores, one.scores), slight=slight)


def least_loss(entries: Sequence[RaceEntry], best: RaceEntry, main: Measure) -> RaceEntry:
    """Of the best settings of a method and others not told apart from them those of least loss."""
    same = [
        one
        for one in entries
        if one.contestant.method == best.contestant.method
        and tied(difference(best.scores, one.scores), slight=NEAR * scale_of(main, best.score))
    ]
    return min(same, key=lambda one: one.loss)


def best_entry(entries: Sequence[RaceEntry], method: str) -> RaceEntry:
    """The best entry of a method; the best come first."""
    return next(entry for entry in entries if entry.contestant.method == method)
