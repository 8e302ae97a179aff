"""How much clients do in a round, and with which steps: settings that all methods have in common.

whole epochs    every epoch in a new order, each round anew
steps, or a fraction of an epoch
                the batches go on over rounds: a client goes on in its order where it ended, so
                that its n-th step ever is on the same samples however rounds cut its work
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .schedules import CONSTANT, Schedule

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class LocalWork:
    """The local work of a round."""

    epochs: int | float = 1
    steps: int | None = None  # in place of epochs
    schedule: Schedule = CONSTANT
    momentum: float | None = None  # of all local steps, its buffers lasting over rounds
    slow: float = 0.0  # chance that a client does a part of its work in a round
    rounds: int = 1  # of the study

    @property
    def goes_on(self) -> bool:
        """Whether a round's batches go on where those of the last one ended."""
        return self.steps is not None or self.epochs != int(self.epochs)

    @property
    def passes(self) -> int:
        """Whole epochs of a round."""
        return int(self.epochs)

    def factor(self, t: int) -> float:
        """By what step sizes are multiplied in round t."""
        return self.schedule.factor(t, self.rounds)

    def together(self, clients: int) -> LocalWork:
        """What one client does that holds the samples of so many: as much as all of them."""
        steps = None if self.steps is None else self.steps * clients
        return replace(self, steps=steps, slow=0.0)

    def steps_per_round(self, sizes: Counts, batch_size: int) -> Counts:
        """Local steps of clients with so many samples, each doing all of its work: [S] -> [S]."""
        per_epoch = -(-sizes // batch_size)
        if self.steps is not None:
            return np.where(sizes > 0, self.steps, 0)
        share = Fraction(repr(self.epochs))
        return -(-per_epoch * share.numerator // share.denominator)

    def samples_per_round(self, sizes: Counts, batch_size: int) -> float:
        """Samples that all clients [S] together go through, each doing all of its work."""
        steps = self.steps_per_round(sizes, batch_size)
        return float((sizes * steps / np.maximum(1, -(-sizes // batch_size))).sum())

    def slow_steps(self, luck: NDArray[np.float64], sizes: Counts, batch_size: int) -> Counts:
        """Local steps of each client where some are slow: luck [S, 2] uniform in [0, 1) -> [S].

        A slow client does 1 to E of its E epochs, all alike likely; where work is no whole number
        of epochs, 1 to K of its K steps.
        """
        full = self.steps_per_round(sizes, batch_size)
        units = full if self.goes_on else np.full_like(full, self.passes)
        each = np.ones_like(full) if self.goes_on else full // max(1, self.passes)
        part = np.minimum(units, 1 + np.floor(luck[:, 1] * units).astype(np.int64))
        return np.where(luck[:, 0] < self.slow, part * each, full)


USUAL = LocalWork()
"""One epoch a round."""
