"""Quantity skew: the clients hold different numbers of samples."""

import numpy as np
from numpy.typing import NDArray

from unalike.measures.quantity_imbalance import coefficient_of_variation, effective_clients

from .diagnosis_result import Finding, Measure
from .label_skew import AddNoise
from .null import draw_nulls
from .samples import Samples

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def quantity_skew(
    samples: Samples, *, shuffles: int, seed: int, level: float | None = None
) -> Finding:
    """Sizes against those of samples that each choose their client at random."""
    return quantity_skew_of_sizes(samples.sizes, shuffles=shuffles, seed=seed, level=level)


def quantity_skew_of_sizes(
    sizes: Integers,
    *,
    shuffles: int,
    seed: int,
    level: float | None = None,
    add_noise: AddNoise | None = None,
) -> Finding:
    """The same from the clients' numbers of samples alone: sizes [N].

    Shuffling keeps sizes, so membership is drawn anew here: multinomial with equal chances.
    add_noise: what was done to the true sizes before they were told, and is done to chance too.
    """
    n, clients = int(sizes.sum()), len(sizes)

    def imbalance(held: Integers) -> Floats:
        lost = max(clients - effective_clients(held), 0.0)
        return np.array([coefficient_of_variation(held), lost])

    def dealt(rng: np.random.Generator) -> Floats:
        others = rng.multinomial(n, np.full(clients, 1 / clients))
        return imbalance(others if add_noise is None else add_noise(others, rng))

    variation, lost = draw_nulls(
        imbalance(sizes), dealt, purpose="quantity", shuffles=shuffles, seed=seed, level=level
    )
    return Finding(
        "quantity",
        (
            Measure.of(
                "coefficient of variation",
                variation,
                "standard deviation of the sizes over their mean",
                decides=True,
            ),
            Measure.of(
                "clients that do not count",
                lost,
                "N less the effective number of clients, 1 / (sum of squared shares)",
            ),
        ),
        f"Clients hold {sizes.min():,} to {sizes.max():,} samples; weighted by size they count as "
        f"{clients - lost.value:.1f} equal ones of {clients}.",
        "everything but the numbers of samples; more than chance is not yet harmful: look at the "
        "effective number of clients",
    )
