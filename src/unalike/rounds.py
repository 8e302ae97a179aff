"""The round loop: the only place where a method meets its clients."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from unalike.attacks import HostileAnswers
from unalike.core import Cohort, Method, Population
from unalike.core.local_work import USUAL, LocalWork
from unalike.errors import DivergedError
from unalike.functional import streams
from unalike.functional.finite import finite
from unalike.functional.trees import size_in_bytes
from unalike.privacy import Release
from unalike.weighting.sampling import Drawn, Scheme, draw, weigh

LIKELY_CAUSE = "The likely cause is a step size too large for these samples, or unscaled features."


class Answers(Protocol):
    """What came back from a cohort: who answered, and whose answer can be used."""

    @property
    def ups(self) -> Any: ...  # every leaf [S, ...], the sound answers only
    @property
    def sound(self) -> NDArray[np.bool_]: ...  # [cohort]
    @property
    def arrived(self) -> NDArray[np.bool_]: ...  # [cohort]
    @property
    def gradients(self) -> int: ...


class Clients(Protocol):
    """Clients somewhere: in this process, or behind a network."""

    @property
    def population(self) -> Population: ...
    def broadcast(self, server: Any, ids: NDArray[np.int64]) -> Any: ...
    def train(self, t: int, ids: NDArray[np.int64], downs: Any) -> Answers: ...


class Round(NamedTuple):
    """What happened in one round."""

    t: int  # from 1
    server: Any  # the state after the round
    ups: Any  # the sound answers, every leaf [S, ...]
    cohort: Cohort  # who gave them
    dropped: NDArray[np.int64]  # sampled, but never answered
    rejected: NDArray[np.int64]  # answered with numbers that cannot be used
    bytes_down: int
    bytes_up: int
    gradients: int  # per-sample gradient evaluations of all clients together


def rounds(
    method: Method,
    clients: Clients,
    server: Any,
    *,
    cohort: int,
    seed: int,
    dropout: float = 0.0,
    scheme: Scheme = "A",
    release: Release | None = None,
    attack: HostileAnswers | None = None,
    work: LocalWork = USUAL,
    first: int = 1,
) -> Iterator[Round]:
    """Run rounds from `server`'s state for as long as the caller asks for more.

    Cohorts are drawn and weighed by `scheme`, see `weighting.sampling`. With `release` the server
    sees what that makes of the answers in place of the answers; with `attack` hostile clients send
    other answers. Step sizes of the server's part of a method are those of the clients' `work` in
    the round. Stopping, logging, checkpoints and evaluation are the caller's business. Raises
    DivergedError when no answer that arrives is finite or the server's state stops being finite.
    """
    for t in count(first):
        drawn = draw(scheme, clients.population.weights, cohort, seed=seed, t=t)
        sampled = drawn.ids
        here = answering(sampled, dropout, seed=seed, t=t)
        downs = clients.broadcast(server, sampled)
        bytes_down, bytes_up, gradients = size_in_bytes(downs), 0, 0
        ups, sound, arrived = None, np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
        if len(here):
            kept = downs if len(here) == len(sampled) else clients.broadcast(server, here)
            answers = clients.train(t, here, kept)
            sound, arrived, gradients = answers.sound, answers.arrived, answers.gradients
            if sound.any():
                ups = answers.ups if attack is None else attack(answers.ups, here[sound], t)
                bytes_up = size_in_bytes(ups) * int(arrived.sum()) // int(sound.sum())
            elif arrived.any():
                raise DivergedError(
                    f"{method.name}: no client's answer was finite in round {t}. {LIKELY_CAUSE}"
                )
        answered = _among(sampled, here[sound])
        counted = Drawn(sampled[answered], drawn.times[answered])
        present = _cohort(scheme, counted, clients.population)
        if len(present.ids):
            seen = (ups, present) if release is None else release(ups, present, t)
            factor = work.factor(t)
            acting = method if factor == 1 else method.with_step_sizes(factor)
            server = acting.server_update(server, *seen)
            if not finite(server):
                raise DivergedError(
                    f"{method.name}: the server's state diverged in round {t}. {LIKELY_CAUSE}"
                )
        dropped = sampled[~_among(sampled, here[arrived])]
        rejected = here[arrived & ~sound]
        yield Round(t, server, ups, present, dropped, rejected, bytes_down, bytes_up, gradients)


def answering(
    sampled: NDArray[np.int64], dropout: float, *, seed: int, t: int
) -> NDArray[np.int64]:
    """Those of the sampled clients that do not drop out of round t."""
    if dropout == 0:
        return sampled
    keys = streams.client_keys(seed, "dropout", t, torch.from_numpy(sampled))
    luck = torch.stack([streams.uniform(key, 1)[0] for key in keys]).numpy()
    return sampled[luck >= dropout]


def _among(ids: NDArray[np.int64], some: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of these ids [S], which rise, are some of them: [S]."""
    found = np.zeros(len(ids), np.bool_)
    found[np.searchsorted(ids, some)] = True
    return found


def _cohort(scheme: Scheme, answers: Drawn, population: Population) -> Cohort:
    ids = torch.from_numpy(answers.ids).to(population.weights.device)
    weights = weigh(scheme, population.weights, answers)
    return Cohort(ids, weights, population.weights[ids], population.size)
