"""Which of a client's local steps are taken, before their batches are gathered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class Takers(NamedTuple):
    """Which of the stacked clients take a step."""

    samples: int  # in the batch, over all of them
    takers: int  # how many clients
    last: int  # 1 + the place of the last of them


class Gather(NamedTuple):
    """How the batches of a step come from what its epoch knows of a client's samples."""

    epoch: tuple[tuple[Tensor, ...], ...]  # of each batch, the same of all steps of an epoch
    part: Callable[..., tuple[Tensor, ...]]  # of these, or of all clients' rows of them


class ScheduledStep(NamedTuple):
    """A local step, before its batch is gathered."""

    batch: Callable[[], Any]  # a Batch, or a tuple of independent ones
    active: Callable[[], Tensor]  # [] bool: whether this client takes it
    samples: int
    takers: int
    last: int
    gather: Gather | None = None  # of `batch`, where nothing random is drawn on it

    def everybody(self, clients: int) -> bool:
        """Whether all of so many stacked clients take it."""
        return self.takers == clients


class Span(NamedTuple):
    """The local steps that a client takes of an endless row of epochs."""

    first: Tensor  # [] int64, the steps before
    steps: Tensor  # [] int64
    firsts: NDArray[np.int64]  # [S] the same of each stacked client
    counts: NDArray[np.int64]  # [S]
    key: Tensor | None = None  # [] int64, the stream in all rounds; none: that of the round


def takers_of(sizes: NDArray[np.int64], start: Any, slots: int) -> Takers:
    """Those of the clients who have samples from this one of an epoch on: start [] or [S]."""
    left = sizes - start
    takers = left > 0
    found = np.flatnonzero(takers)
    last = int(found[-1]) + 1 if len(found) else 0
    return Takers(int(left.clip(0, slots).sum()), len(found), last)


def takers_of_epoch(
    sizes: NDArray[np.int64], starts: NDArray[np.int64], slots: int
) -> list[Takers]:
    """`takers_of` for each of these starts [K], in an epoch that all clients begin together.

    In sorted order and running sums, so that a client of many samples needs no row for each other.
    """
    ascending = np.sort(sizes)
    below = np.concatenate([[0], np.cumsum(ascending)])

    def samples_before(at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of all clients together, each up to this place of its epoch."""
        done = np.searchsorted(ascending, at, side="right")
        return below[done] + (len(sizes) - done) * at

    samples = samples_before(starts + slots) - samples_before(starts)
    takers = len(sizes) - np.searchsorted(ascending, starts, side="right")
    longest_from = np.maximum.accumulate(sizes[::-1])  # of the last clients, ever more of them
    last = len(sizes) - np.searchsorted(longest_from, starts, side="right")
    return list(map(Takers, samples.tolist(), takers.tolist(), last.tolist()))
