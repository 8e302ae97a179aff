"""A part of a cohort, as a cohort of its own."""

from torch import Tensor

from unalike.core import Cohort


def members(cohort: Cohort, chosen: Tensor) -> Cohort:
    """Those of the cohort where `chosen` [S] is true, their weights scaled to sum to 1."""
    if bool(chosen.all()):
        return cohort
    weights = cohort.weights[chosen]
    return Cohort(
        cohort.ids[chosen], weights / weights.sum(), cohort.shares[chosen], cohort.population
    )
