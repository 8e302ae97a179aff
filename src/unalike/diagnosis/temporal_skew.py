"""Temporal skew: what a client holds changes from one time window to the next."""

import numpy as np
from numpy.typing import NDArray

from unalike.errors import InputError
from unalike.functional.streams import generator
from unalike.measures.distances import total_variation

from .diagnosis_result import Finding, Measure
from .embedding import between_groups, embed, sums
from .null import permutation_test
from .samples import MOST_CLIENTS, Samples

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_SAMPLES = 4000


def temporal_skew(
    samples: Samples, *, shuffles: int, seed: int, level: float | None = None
) -> Finding:
    """Distances of each client's windows from the client as a whole, samples and labels together.

    The kernel is k(x, x') 1[y = y'], so labels, looks and their relation count; chance shuffles
    the windows within each client.

    Raises:
        InputError: the samples come in no windows.
    """
    _, part = samples.choose_clients(MOST_CLIENTS, generator(seed, "diagnosis/temporal/clients"))
    some = part.subsample(MOST_SAMPLES, seed)
    if some.window is None:
        raise InputError("Temporal skew is measured on samples that come in windows.")
    n, clients, classes = len(some.y), some.clients, some.classes
    windows = int(some.window.max()) + 1
    phi = embed(some.x, seed)
    whole = sums(phi, some.cell, clients * classes).reshape(clients, -1)
    of_clients = between_groups(whole, some.sizes)
    own = some.counts / np.maximum(some.counts.sum(1, keepdims=True), 1)

    def distances(window: Integers) -> Floats:
        part = some.client * windows + window
        sizes = np.bincount(part, minlength=clients * windows)
        cell = part * classes + some.y
        total = sums(phi, cell, clients * windows * classes).reshape(clients * windows, -1)
        counts = np.bincount(cell, minlength=clients * windows * classes).reshape(-1, classes)
        share = counts / np.maximum(sizes[:, None], 1)
        labels = total_variation(share, np.repeat(own, windows, axis=0))
        return np.array([(between_groups(total, sizes) - of_clients) / n, sizes @ labels / n])

    both, labels = permutation_test(
        distances,
        some.window,
        some.client,
        purpose="temporal",
        shuffles=shuffles,
        seed=seed,
        level=level,
    )
    return Finding(
        "temporal",
        (
            Measure.of(
                "MMD² between windows",
                both,
                "kernel distance of a client's window from the client as a whole, labels included",
                decides=True,
            ),
            Measure.of(
                "total variation between windows",
                labels,
                "the same for the shares of the classes alone",
            ),
        ),
        f"In a window, a client's shares of the classes are {labels.value:.2f} from its own in "
        f"total variation (chance: {labels.draws.mean():.2f}).",
        "changes within a window, and what would change after the last one",
    )
