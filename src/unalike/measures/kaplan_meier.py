"""The share that has had no event by each time, where some leave before theirs.

    S(t) = product over event times t_i <= t of (1 - d_i / n_i)

with d_i events at t_i among the n_i who are still there just before it.

Source  Kaplan and Meier, JASA 53 (1958)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .groups import Floats


class SurvivalCurve(NamedTuple):
    """A step function: `share` from each of `times` on, 1 before the first."""

    times: Floats  # [k] distinct and ascending
    share: Floats  # [k]

    @property
    def median(self) -> float:
        """The first time by which half have had the event; infinite where it is never reached."""
        reached = np.flatnonzero(self.share <= 0.5)
        return float(self.times[reached[0]]) if len(reached) else float("inf")


def kaplan_meier(time: Floats, event: NDArray[np.bool_]) -> SurvivalCurve:
    """The curve of samples with these times [n] and events [n]."""
    times, place = np.unique(time, return_inverse=True)
    events = np.bincount(place, weights=event, minlength=len(times))
    leaving = np.bincount(place, minlength=len(times))
    there = len(time) - np.cumsum(leaving) + leaving
    return SurvivalCurve(times, np.cumprod(1 - events / there))
