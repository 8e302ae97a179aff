"""The hazard over time of a sample whose risk is one, where a model tells only ratios of risks.

    H(t) = sum over event times t_i <= t of d_i / sum of exp(r_j) over those still there at t_i

with d_i events at t_i and r_j the logarithm of the risk of sample j. A sample of risk exp(r) then
survives time t with the probability

    S(t | r) = exp(-H(t) exp(r))

Risks may differ by any factor: sums are taken as logarithms.

Source  Breslow, in the discussion of Cox, JRSS B 34 (1972); ties as lifelines has them
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .groups import Floats


class BaselineHazard(NamedTuple):
    """A step function: log H(t) is `log_hazard` from each of `times` on; H = 0 before the first."""

    times: Floats  # [k] with events, distinct and ascending
    log_hazard: Floats  # [k]
    last: float  # the last time at which anybody was observed; nothing is known beyond it

    def survival(self, risk: Floats, times: Floats) -> Floats:
        """S(t | r) for the logarithms of risks [n] at these times [T]: [n, T]."""
        steps = np.concatenate([[-np.inf], self.log_hazard])
        log_hazard = steps[np.searchsorted(self.times, times, side="right")]
        with np.errstate(over="ignore"):
            found: Floats = np.exp(-np.exp(risk[:, None] + log_hazard))
        return found


def breslow(risk: Floats, time: Floats, event: NDArray[np.bool_]) -> BaselineHazard:
    """The hazard from samples: logarithms of their risks [n], times [n] and events [n]."""
    last = float(time.max()) if len(time) else 0.0
    if not event.any():
        return BaselineHazard(np.zeros(0), np.zeros(0), last)
    order = np.argsort(time)
    time, event = time[order], event[order]
    there = np.logaddexp.accumulate(risk[order][::-1])[::-1]  # of each sample and all behind it
    times, events = np.unique(time[event], return_counts=True)
    terms = np.log(events) - there[np.searchsorted(time, times)]
    return BaselineHazard(times, np.logaddexp.accumulate(terms), last)
