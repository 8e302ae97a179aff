"""What the seeds decide of the leader: whether it is the best, and better than training alone.

lead    The leader is better than each other method. It counts as decided where every one of its
        paired t tests says so; who leads was chosen by the same seeds, and still two equal
        methods at the top are the worst case, so that no correction is due.
local   The leader is better than Local. The best of several is compared, which flatters it: p is
        multiplied by the number of methods that might have led (Bonferroni).

Both are judged at the level that is left for this look: see `alpha_spending`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .intervals import paired_p
from .seed_count import seeds_needed

Floats = NDArray[np.float64]


class Question(NamedTuple):
    """Something asked of the seeds about the leader, and their answer."""

    about: Literal["lead", "local"]
    rival: str  # whom it is compared with; of "lead", who is hardest to tell apart
    p: float  # corrected; NaN where fewer than two seeds are shared
    level: float  # p below it decides
    seeds: int  # shared with the rival
    comparisons: int  # that p is corrected for
    undecided: tuple[Floats, ...]  # gains of the leader over each whom it cannot be told apart from
    looks: tuple[int, ...]

    @property
    def decided(self) -> bool:
        """Whether the seeds tell."""
        return self.p < self.level

    @property
    def needed(self) -> int | None:
        """How many seeds in all would decide; None where it is decided, or too many to say."""
        counts = [seeds_needed(gains, self.looks, self.comparisons) for gains in self.undecided]
        known = [count for count in counts if count is not None]
        return max(known) if counts and len(known) == len(counts) else None


def questions_of(
    leader: str | None, gains: Mapping[str, Floats], level: float, looks: Sequence[int] = ()
) -> tuple[Question, ...]:
    """What is asked of a comparison with this leader.

    gains: by each other method, what the leader is better by on each seed that both have.
    level: p below it decides.
    looks: the seeds there were when results were looked at before.
    """
    if leader is None or not gains:
        return ()
    p = {method: paired_p(values) for method, values in gains.items()}
    rival = max(p, key=lambda method: (np.isnan(p[method]), p[method]))
    known = tuple(looks)
    open_gains = tuple(values for method, values in gains.items() if not p[method] < level)
    lead = Question("lead", rival, p[rival], level, len(gains[rival]), 1, open_gains, known)
    if "local" not in gains:
        return (lead,)
    ours, count = gains["local"], len(gains)
    corrected = lead.p if lead.decided else min(1.0, p["local"] * count)
    left = () if corrected < level else (ours,)
    local = Question("local", "local", corrected, level, len(ours), count, left, known)
    return (local,) if count == 1 else (lead, local)
