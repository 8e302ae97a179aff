"""Label skew: the classes have other shares at other clients, P(y) differs.

Which samples a client holds does not matter, only how many of each class: shuffled membership is
a table of counts with the same margins, drawn at random.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unalike.measures.distances import hellinger, jensen_shannon, total_variation

from .diagnosis_result import Finding, Measure
from .null import draw_nulls
from .samples import Samples

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

AddNoise = Callable[[Integers, np.random.Generator], Integers]
DISTANCES = (total_variation, jensen_shannon, hellinger)


def label_skew(
    samples: Samples, *, shuffles: int, seed: int, level: float | None = None
) -> Finding:
    """Mean distance of a client's labels from everybody's, each client weighted by its size."""
    return label_skew_of_counts(samples.counts, shuffles=shuffles, seed=seed, level=level)


def label_skew_of_counts(
    counts: Integers,
    *,
    shuffles: int,
    seed: int,
    level: float | None = None,
    add_noise: AddNoise | None = None,
) -> Finding:
    """The same from the clients' samples of each class alone: counts [N, classes].

    add_noise: what was done to the true counts before they were told, and is done to chance too.
    """
    margins = np.sort(counts.sum(1)), np.sort(counts.sum(0))

    def distances(cells: Integers) -> Floats:
        sizes = np.maximum(cells.sum(1), 1)
        own, everybody = cells / sizes[:, None], cells.sum(0) / sizes.sum()
        weight = sizes / sizes.sum()
        return np.array([weight @ distance(own, everybody) for distance in DISTANCES])

    def dealt(rng: np.random.Generator) -> Floats:
        cells = random_table(margins[0], margins[1], rng)
        return distances(cells if add_noise is None else add_noise(cells, rng))

    tv, js, h = draw_nulls(
        distances(counts), dealt, purpose="label", shuffles=shuffles, seed=seed, level=level
    )
    clients = len(counts)
    missing = np.count_nonzero(counts == 0)
    said = (
        f"A client's shares of the classes are {tv.value:.2f} from everybody's in total "
        f"variation (chance: {tv.draws.mean():.2f})."
    )
    if missing:
        without = np.count_nonzero((counts == 0).any(1))
        said += f" {without} of {clients} clients lack at least one class."
    return Finding(
        "label",
        (
            Measure.of(
                "total variation",
                tv,
                "the share of its samples that a client would have to exchange to have "
                "everybody's labels",
                decides=True,
            ),
            Measure.of("Jensen-Shannon", js, "what a label tells about its client, in bits"),
            Measure.of("Hellinger", h, "weighs rare labels more than total variation"),
        ),
        said,
        "what the samples look like, and which label a sample gets: clients with equal shares of "
        "the classes can still disagree on every sample",
    )


def random_table(sizes: Integers, totals: Integers, rng: np.random.Generator) -> Integers:
    """Samples dealt at random to clients of these sizes [N], of classes [C] of these: [N, C]."""
    cells, left = np.empty((len(sizes), len(totals)), np.int64), sizes.copy()
    for k, total in enumerate(totals):
        cells[:, k] = rng.multivariate_hypergeometric(left, total, method="marginals")
        left -= cells[:, k]
    return cells
