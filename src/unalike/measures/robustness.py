"""Whom an attack harms, and whom the defence against it: four runs of one study, side by side.

                     no attack     attack
    no defence       plain         attacked
    defence          defended      both

Hostile clients are left out of all of them: a client counts that does worse than itself in the
plain run. Clients without a value (NaN) are left out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .spread import Floats, harmed_share


class Robustness(NamedTuple):
    """Shares of the honest clients, in [0, 1], and means over them of what they lose."""

    harmed_by_attack: float  # attacked worse than plain
    harmed_by_defence: float  # defended worse than plain: the price where nobody is hostile
    harmed_in_spite: float  # both worse than plain: what the defence does not prevent
    loss_by_attack: float  # mean of plain - attacked
    loss_by_defence: float  # mean of plain - defended
    loss_in_spite: float  # mean of plain - both


def robustness(
    plain: Floats,
    attacked: Floats,
    defended: Floats,
    both: Floats,
    hostile: NDArray[np.bool_],
    *,
    higher_is_better: bool = True,
) -> Robustness:
    """Of one measure of each client [N] in the four runs, without the hostile clients [N]."""
    honest = ~hostile
    sign = 1 if higher_is_better else -1
    gains = [sign * (run - plain)[honest] for run in (attacked, defended, both)]
    return Robustness(*map(harmed_share, gains), *(-_mean(gain) for gain in gains))


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
