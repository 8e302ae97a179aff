"""Feature skew: samples of the same class look different at different clients, P(x | y) differs.

Two tests must agree. Within classes: are a client's samples of a class unlike everybody's of that
class? Label skew alone cannot do this, but a client that names the same samples differently can.
Over all samples: do a client's samples look unlike in a way that its labels do not explain? Mere
renaming leaves them alike. Both are compared with membership shuffled within each class, which
keeps every client's labels.
"""

import numpy as np
from numpy.typing import NDArray

from unalike.functional.streams import generator
from unalike.measures.distances import sphere

from .diagnosis_result import Finding, Measure
from .embedding import between_groups, embed, main_directions, sums
from .null import permutation_test
from .samples import MOST_CLIENTS, Samples

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_SAMPLES = 4000
DIRECTIONS = 8
MAIN = 8


def feature_skew(
    samples: Samples, *, shuffles: int, seed: int, level: float | None = None
) -> Finding:
    """Kernel and sliced distances of clients from everybody, within classes and over all."""
    _, part = samples.choose_clients(MOST_CLIENTS, generator(seed, "diagnosis/feature/clients"))
    some = part.subsample(MOST_SAMPLES, seed)
    n, clients, classes = len(some.y), some.clients, some.classes
    phi = embed(some.x, seed)
    counts = some.counts
    of_class = between_groups(sums(phi, some.y, classes), counts.sum(0))
    of_all = between_groups(phi.sum(0, keepdims=True), np.array([n]))
    slices, gaussians = _Slices(some, seed), _Gaussians(some)

    def distances(client: Integers) -> Floats:
        cells = sums(phi, client * classes + some.y, clients * classes)
        within = between_groups(cells, counts.ravel()) - of_class
        whole = between_groups(cells.reshape(clients, classes, -1).sum(1), counts.sum(1)) - of_all
        return np.array([within / n, whole / n, slices(client), gaussians(client)])

    within, whole, sliced, gaussian = permutation_test(
        distances,
        some.client,
        some.y,
        purpose="feature",
        shuffles=shuffles,
        seed=seed,
        level=level,
        decides=(0, 1),
    )
    return Finding(
        "feature",
        (
            Measure.of(
                "MMD² within classes",
                within,
                "kernel distance of a client's samples of a class from everybody's of that class",
                decides=True,
            ),
            Measure.of(
                "MMD² beyond labels",
                whole,
                "kernel distance of all a client's samples from everybody's; chance has the same "
                "labels",
                decides=True,
            ),
            Measure.of(
                "sliced W1 within classes",
                sliced,
                "mean distance along random directions, in standard deviations",
            ),
            Measure.of(
                "Gaussian W2² within classes",
                gaussian,
                f"squared distance of means and covariances along the {MAIN} main directions",
            ),
        ),
        f"Within a class, samples of a client are {sliced.value:.2f} standard deviations from "
        f"everybody's along a random direction (chance: {sliced.draws.mean():.2f}).",
        "differences beyond 64 random directions of long samples; differences that each client "
        "has within itself; where clients also label differently and hold different classes, it "
        "cannot tell whose fault the difference is",
    )


class _Slices:
    """Sliced W1 of each client's samples of a class from everybody's, weighted by size."""

    def __init__(self, some: Samples, seed: int) -> None:
        self.clients, self.n = some.clients, len(some.y)
        projected = some.x @ sphere(some.x.shape[1], DIRECTIONS, seed)
        self.parts = []
        for k in range(some.classes):
            rows = np.flatnonzero(some.y == k)
            for values in projected[rows].T:
                order = np.argsort(values, kind="stable")
                self.parts.append((rows[order], np.diff(values[order])))

    def __call__(self, client: Integers) -> float:
        total = 0.0
        for rows, gaps in self.parts:
            if len(rows) < 2:
                continue
            held = np.zeros((len(rows), self.clients))
            held[np.arange(len(rows)), client[rows]] = 1
            sizes = held.sum(0)
            steps = np.cumsum(held[:, sizes > 0], axis=0)[:-1]
            everybody = np.arange(1, len(rows))[:, None] / len(rows) * sizes[sizes > 0]
            total += float((gaps @ np.abs(steps - everybody)).sum())
        return total / (self.n * DIRECTIONS)


class _Gaussians:
    """W2^2 of Gaussians fitted to a client's samples of a class and to everybody's of it.

    Mean over samples, along the main directions; a client's only sample of a class has no
    covariance and is left out.
    """

    def __init__(self, some: Samples) -> None:
        self.cells, self.y, self.classes = some.clients * some.classes, some.y, some.classes
        x = main_directions(some.x, MAIN)
        self.size = x.shape[1]
        self.moments = np.column_stack([x, (x[:, :, None] * x[:, None]).reshape(len(x), -1)])
        self.means, self.covariances = self._fit(some.y, some.classes)
        values, vectors = np.linalg.eigh(self.covariances)
        scaled = vectors * np.sqrt(np.maximum(values, 0))[:, None]
        self.roots = scaled @ vectors.transpose(0, 2, 1)

    def __call__(self, client: Integers) -> float:
        cell = client * self.classes + self.y
        counts = np.bincount(cell, minlength=self.cells)
        held = np.flatnonzero(counts > 1)
        if not len(held):
            return 0.0
        means, covariances = self._fit(cell, self.cells)
        k, mean, cov = held % self.classes, means[held], covariances[held]
        root = self.roots[k]
        cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov @ root), 0)).sum(1)
        traces = np.trace(cov, axis1=1, axis2=2) + np.trace(self.covariances[k], axis1=1, axis2=2)
        squared = np.square(mean - self.means[k]).sum(1) + np.maximum(traces - 2 * cross, 0)
        return float(counts[held] @ squared / counts[held].sum())

    def _fit(self, group: Integers, groups: int) -> tuple[Floats, Floats]:
        """Means [groups, d] and covariances [groups, d, d]."""
        counts = np.maximum(np.bincount(group, minlength=groups), 1)
        moments = sums(self.moments, group, groups) / counts[:, None]
        mean, second = moments[:, : self.size], moments[:, self.size :]
        outer = mean[:, :, None] * mean[:, None]
        return mean, second.reshape(outer.shape) - outer
