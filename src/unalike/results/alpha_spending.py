"""How sure a study must be that was looked at before: all looks together err in at most 5 %.

After n seeds a share n / (n + 10) of the 5 % may have been spent, half of it within the first ten
seeds. A look is judged at what it adds to that, which sums to less than 5 % whenever one looks and
however often; so by Bonferroni's inequality at least one false claim among all looks is that
seldom. (A spending function after Lan and DeMets, Biometrika 70, 1983; theirs uses how looks hang
together and so spends less.)
"""

from __future__ import annotations

from collections.abc import Sequence

ALPHA = 0.05
HALFWAY = 10
"""Seeds after which half of it is spent."""


def spent(seeds: int) -> float:
    """The chance of a false claim that all looks up to so many seeds may have."""
    return ALPHA * seeds / (seeds + HALFWAY)


def level_of(seeds: int, looks: Sequence[int]) -> float:
    """The p below which a difference counts, where results were looked at after fewer seeds.

    looks: the seeds there were then; with none the number of seeds was fixed beforehand.
    """
    earlier = [before for before in looks if before < seeds]
    return spent(seeds) - spent(max(earlier)) if earlier else ALPHA
