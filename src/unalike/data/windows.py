"""Time: samples come in windows, of which clients hold one at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .ragged import Ragged

Integers = npt.NDArray[np.int64]


class Windows(NamedTuple):
    """When each sample comes."""

    number: int  # W, in the order of time
    samples: Integers  # [M] the window of each sample of x, in 0..W-1
    tests: Integers  # [T] the window of each sample of x_test


def window_of(t: int, rounds: int, number: int) -> int:
    """The window that clients hold in round t of so many, from 1; before it, the first."""
    return max(0, t - 1) * number // rounds


def last_rounds(rounds: int, number: int) -> list[int]:
    """The last round of each window."""
    windows = [window_of(t, rounds, number) for t in range(1, rounds + 1)]
    return [t for t in range(1, rounds + 1) if t == rounds or windows[t] != windows[t - 1]]


def in_window(lists: Ragged, window: Integers, chosen: Integers) -> Ragged:
    """The values of each list that come in the window chosen for it: window [.], chosen [N]."""
    owner = lists.owner
    here = window[lists.values] == chosen[owner]
    sizes = np.bincount(owner[here], minlength=len(chosen))
    return Ragged.of(lists.values[here], sizes.astype(np.int64))


def current_lists(lists: Ragged, time: Windows, window: int) -> Ragged:
    """What comes in a window for each list; where nothing does, what came last, or comes first."""
    return in_window(lists, time.samples, _nearest(_known(lists, time), window))


def _known(lists: Ragged, time: Windows) -> npt.NDArray[np.bool_]:
    """Whether a list has values in a window: [N, W]."""
    known = np.zeros((len(lists.sizes), time.number), np.bool_)
    known[lists.owner, time.samples[lists.values]] = True
    return known


def _nearest(known: npt.NDArray[np.bool_], window: int) -> Integers:
    """For each row of known [N, W] the last true column up to `window`, else the first after."""
    columns = np.arange(known.shape[1])
    before = np.where(known & (columns <= window), columns, -1).max(1)
    after = np.where(known, columns, known.shape[1]).min(1)
    return np.where(before >= 0, before, after).astype(np.int64)
