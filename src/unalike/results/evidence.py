"""What the seeds decide of the leader: whether it is the best, and better than training alone.

lead    The leader is better than each other method. It counts as decided where every one of its
        paired t tests says so; who leads was chosen by the same seeds, and still two equal
        methods at the top are the worst case, so that no correction is due.
local   The leader is better than Local. The best of several is compared, which flatters it: p is
        multiplied by the number of methods that might have led (Bonferroni).

Both count what seeds that cut the same samples have in common (see `shared_samples`), and are
judged at the level that is left for this look (see `alpha_spending`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .intervals import paired_p
from .seed_count import seeds_needed

Floats = NDArray[np.float64]


class Gains(NamedTuple):
    """By what the leader is better than another method."""

    by_seed: Floats  # [seeds]
    shared: float = 0.0  # the variance of their mean that all seeds have in common

    def needed(self, looks: Sequence[int], comparisons: int) -> int | None:
        """See `seeds_needed`."""
        return seeds_needed(self.by_seed, looks, comparisons, self.shared)


class Question(NamedTuple):
    """Something asked of the seeds about the leader, and their answer."""

    about: Literal["lead", "local"]
    rival: str  # whom it is compared with; of "lead", who is hardest to tell apart
    p: float  # corrected; NaN where fewer than two seeds are shared
    level: float  # p below it decides
    seeds: int  # shared with the rival
    comparisons: int  # that p is corrected for
    undecided: tuple[Gains, ...]  # over each whom the leader cannot be told apart from
    looks: tuple[int, ...]

    @property
    def decided(self) -> bool:
        """Whether the seeds tell."""
        return self.p < self.level

    @property
    def needed(self) -> int | None:
        """How many seeds in all would decide; None where it is decided, or too many to say."""
        counts = [gains.needed(self.looks, self.comparisons) for gains in self.undecided]
        known = [count for count in counts if count is not None]
        return max(known) if counts and len(known) == len(counts) else None

    @property
    def lacks_samples(self) -> bool:
        """Whether seeds would decide it if they cut samples of their own, but hardly these."""
        return any(
            gains.needed(self.looks, self.comparisons) is None
            and gains._replace(shared=0.0).needed(self.looks, self.comparisons) is not None
            for gains in self.undecided
        )


def questions_of(
    leader: str | None,
    gains: Mapping[str, Floats],
    level: float,
    looks: Sequence[int] = (),
    shared: Mapping[str, float] = MappingProxyType({}),
) -> tuple[Question, ...]:
    """What is asked of a comparison with this leader.

    gains: by each other method, what the leader is better by on each seed that both have.
    level: p below it decides.
    looks: the seeds there were when results were looked at before.
    shared: by method, the variance of the mean gain that all seeds have in common; 0 if not given.
    """
    if leader is None or not gains:
        return ()
    found = {method: Gains(values, shared.get(method, 0.0)) for method, values in gains.items()}
    p = {method: paired_p(*known) for method, known in found.items()}
    rival = max(p, key=lambda method: (np.isnan(p[method]), p[method]))
    before = tuple(looks)
    open_gains = tuple(known for method, known in found.items() if not p[method] < level)
    lead = Question("lead", rival, p[rival], level, len(gains[rival]), 1, open_gains, before)
    if "local" not in gains:
        return (lead,)
    ours, count = found["local"], len(gains)
    corrected = lead.p if lead.decided else min(1.0, p["local"] * count)
    left = () if corrected < level else (ours,)
    local = Question("local", "local", corrected, level, len(ours.by_seed), count, left, before)
    return (local,) if count == 1 else (lead, local)
