"""What a race says: the leader, whom it cannot be told apart from, and whom to prefer of those."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from unalike.tasks import Measure

from .client_differences import (
    NEAR,
    SLIGHT,
    Difference,
    difference,
    fold_difference,
    scale_of,
    tied,
)
from .race import Contestant, RaceEntry, Stage


class Rival(NamedTuple):
    """Another finalist, and by how much the leader is above it."""

    contestant: Contestant
    behind: Difference
    tied: bool  # with the leader, as far as the race can say


class Unproven(NamedTuple):
    """What would be advised if it were shown to beat training alone, and how far it is."""

    contestant: Contestant
    gain: Difference  # over Local, by folds or clients, whichever are surer


class Choice(NamedTuple):
    """The advised contestant, and why it and no other."""

    advised: Contestant
    leader: Contestant
    rivals: tuple[Rival, ...]  # the best first
    unproven: Unproven | None = None  # where Local is advised for want of evidence
    gain: Difference | None = None  # of the advised over Local in the race, where it is another

    @property
    def ties(self) -> tuple[Rival, ...]:
        """Other methods than the advised that do as well, each with its best settings."""
        best: dict[str, Rival] = {}
        for rival in self.rivals:
            if rival.tied and rival.contestant.method != self.advised.method:
                best.setdefault(rival.contestant.method, rival)
        return tuple(best.values())


def choose(final: Stage, main: Measure, folds: int, *, alike: bool = False) -> Choice:
    """The method of the leader, or the simplest of those that do as well, with its best settings.

    As well means: less than half a point behind, and not told apart by the clients. Where the
    diagnosis found the clients alike it is enough not to be told apart: a method of more effort
    then has to win by more than noise. Of the settings of one method that are less than a point
    apart and cannot be told apart by score those of least loss are taken: loss is the steadier
    measure of the two, and it betrays steps so large that some runs fail.

    A method is advised only where it is shown to beat training alone: where neither the clients
    nor the folds (of which a cut has so many) tell it from Local, Local is advised.
    """
    leader, *others = final.entries
    scale = scale_of(main, leader.score)
    rivals, equals = [], [leader]
    for other in others:
        if np.isfinite(other.score):
            behind = difference(leader.scores, other.scores)
            equal = tied(behind, slight=math.inf if alike else SLIGHT * scale)
            rivals.append(Rival(other.contestant, behind, equal))
            equals += [other] if equal else []
    simplest = min(equals, key=lambda one: one.contestant.effort)
    advised = least_loss(final, simplest, main)
    if advised.contestant.method == "local":
        return Choice(advised.contestant, leader.contestant, tuple(rivals))
    alone = least_loss(final, best_entry(final, "local"), main)
    gain = fold_difference(advised.by_fold, alone.by_fold, folds)
    by_client = difference(advised.scores, alone.scores)
    surest = max(gain, by_client, key=lambda one: np.nan_to_num(one.sure))
    shown = gain.mean > 0 and (gain.excludes_zero or by_client.excludes_zero)
    if shown or not np.isfinite(alone.score):
        return Choice(advised.contestant, leader.contestant, tuple(rivals), gain=surest)
    unproven = Unproven(advised.contestant, surest)
    return Choice(alone.contestant, leader.contestant, tuple(rivals), unproven)


def least_loss(final: Stage, best: RaceEntry, main: Measure) -> RaceEntry:
    """Of the best settings of a method and others not told apart from them those of least loss."""
    same = [
        one
        for one in final.entries
        if one.contestant.method == best.contestant.method
        and tied(difference(best.scores, one.scores), slight=NEAR * scale_of(main, best.score))
    ]
    return min(same, key=lambda one: one.loss)


def best_entry(stage: Stage, method: str) -> RaceEntry:
    """The best entry of a method."""
    return next(entry for entry in stage.entries if entry.contestant.method == method)
