"""Who is hostile, and the same clients in every round: drawn by name from the seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unalike.data.federation import Federation
from unalike.data.truth import Truth
from unalike.errors import InputError
from unalike.functional import streams
from unalike.functional.trees import leaves
from unalike.specification import specification_of

from .attack import Attack, Flags

TRUTH = "attack"
"""The name under which the truth knows who is hostile: group 1."""


def hostile_clients(federation: Federation, share: float, *, seed: int) -> Flags:
    """Which clients [N] are hostile: this share of those that train, rounded, and at least one.

    The draw knows clients by name, so another order of them, or other clients that never train,
    change nothing; and who is hostile at a share is so at every larger one.
    """
    training = np.flatnonzero(~federation.newcomers)
    luck = [streams.generator(seed, f"attack/{federation.names[i]}").random() for i in training]
    count = max(1, round(share * len(training)))
    chosen = np.zeros(federation.clients, dtype=np.bool_)
    chosen[training[np.argsort(luck, kind="stable")[:count]]] = True
    return chosen


def with_attack(federation: Federation, attack: Attack, *, seed: int) -> Federation:
    """The federation under attack; who is hostile is in its truth.

    Raises:
        InputError: the samples are of a kind that this attack cannot change, or there is an
            attack already.
    """
    if any(truth.kind == TRUTH for truth in federation.truth):
        raise InputError("These clients are under attack already: give one attack, not two.")
    hostile = hostile_clients(federation, attack.share, seed=seed)
    changed = attack.samples(federation, hostile, seed=seed)
    drawn = ("honest", f"hostile: {specification_of(attack)}")
    truth = Truth(TRUTH, hostile.astype(np.int64), drawn)
    return replace(changed, truth=(*changed.truth, truth))


def hostile_in(federation: Federation) -> Flags:
    """Which clients [N] the truth of a federation says are hostile."""
    for truth in federation.truth:
        if truth.kind == TRUTH:
            return truth.group == 1
    return np.zeros(federation.clients, dtype=np.bool_)


@dataclass(frozen=True)
class HostileAnswers:
    """What becomes of the answers of a round before the server sees them."""

    attack: Attack
    hostile: Flags  # [N] of the clients that train
    seed: int

    def __call__(self, ups: Any, ids: NDArray[np.int64], t: int) -> Any:
        """Answers with leaves [S, ...] of these clients [S] in round t, as they are sent."""
        here = torch.from_numpy(self.hostile[ids])
        if not here.any() or not leaves(ups):
            return ups
        who = torch.from_numpy(ids).to(leaves(ups)[0].device)
        keys = streams.client_keys(self.seed, "attack", t, who)
        return self.attack.answers(ups, here, keys)
