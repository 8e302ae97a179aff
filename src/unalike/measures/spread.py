"""An average over clients never comes without its spread.

    mean        every client counts the same
    weighted    every test sample counts the same
    std         standard deviation over clients (population form)
    worst10     mean of the worst tenth of the clients, at least one; the lowest values unless less
                is better

Clients without a value (NaN) are left out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Spread(NamedTuple):
    """How a value is distributed over clients."""

    mean: float
    weighted: float
    std: float
    worst10: float


def spread(values: Floats, sizes: NDArray[np.int64], *, higher_is_better: bool = True) -> Spread:
    """The spread of values [N] of clients with these numbers of samples [N]."""
    known = ~np.isnan(values)
    if not known.any():
        return Spread(*[float("nan")] * 4)
    here, weight = values[known], sizes[known]
    ordered = np.sort(here) if higher_is_better else np.sort(here)[::-1]
    worst = ordered[: max(1, len(here) // 10)]
    return Spread(
        float(here.mean()),
        float(np.average(here, weights=weight)),
        float(here.std()),
        float(worst.mean()),
    )


def harmed_share(gain: Floats) -> float:
    """Share of the clients [N] whose gain over training alone is below zero."""
    known = gain[~np.isnan(gain)]
    return float((known < 0).mean()) if len(known) else float("nan")
