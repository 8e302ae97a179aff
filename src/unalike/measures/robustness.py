"""Whom an attack harms, and whom the defence against it: four runs of one study, side by side.

                     no attack     attack
    no defence       plain         attacked
    defence          defended      both

Hostile clients are left out of all of them: a client counts whose accuracy falls below its own in
the plain run. Clients without a value (NaN) are left out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .spread import Floats, harmed_share


class Robustness(NamedTuple):
    """Shares of the honest clients, in [0, 1], and means over them of what they lose."""

    harmed_by_attack: float  # attacked < plain
    harmed_by_defence: float  # defended < plain: the price where nobody is hostile
    harmed_in_spite: float  # both < plain: what the defence does not prevent
    loss_by_attack: float  # mean of plain - attacked
    loss_by_defence: float  # mean of plain - defended
    loss_in_spite: float  # mean of plain - both


def robustness(
    plain: Floats,
    attacked: Floats,
    defended: Floats,
    both: Floats,
    hostile: NDArray[np.bool_],
) -> Robustness:
    """Of the accuracies [N] of the four runs, without those of the hostile clients [N]."""
    honest = ~hostile
    runs = [run[honest] for run in (attacked, defended, both)]
    without = plain[honest]
    shares = [harmed_share(run, without) for run in runs]
    return Robustness(*shares, *(_mean(without - run) for run in runs))


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
