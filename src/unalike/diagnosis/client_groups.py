"""A map of the clients, and how many groups the evidence supports.

The distance of two clients is that of their samples with labels (MMD under k(x, x') 1[y = y']), so
all skews but quantity count. The map is classical scaling to two dimensions. Groups are those of
average linkage. There is evidence for groups where two things hold: the clients differ more than
with membership shuffled among all samples (their spread around the mean of all), and the best mean
silhouette is at least 0.5; their number is the smallest whose silhouette is within 0.1 of the best.

Source  Torgerson, Psychometrika 1952; Rousseeuw, J. Comput. Appl. Math. 1987; Kaufman and
        Rousseeuw, 1990 (above 0.5: a reasonable structure)
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform

from unalike.functional.streams import generator
from unalike.measures.distances import jensen_shannon, otdd

from .diagnosis_result import Groups, Measure
from .embedding import between_groups, embed, main_directions, sums
from .null import Null, permutation_test
from .samples import MOST_CLIENTS, Samples

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_SAMPLES = 4000
MOST_GROUPS = 8
MOST_PAIRED, EACH, MAIN = 20, 40, 8
"""Clients whose data sets are transported onto each other, samples of each, and directions."""
REASONABLE, NEARLY = 0.5, 0.1


def group_clients(samples: Samples, *, shuffles: int, level: float, seed: int) -> Groups:
    """The map and groups of at most 200 clients, chosen at random where there are more."""
    shown, part = samples.choose_clients(MOST_CLIENTS, generator(seed, "diagnosis/map"))
    some = part.subsample(MOST_SAMPLES, seed)
    phi = embed(some.x, seed)
    joint = _joint(phi, some, some.client)
    distances = {
        "together": joint,
        "label": label_distances(some.counts),
        "feature": _feature(phi, some),
    }
    if some.clients <= MOST_PAIRED:
        distances["data set"] = _data_sets(some, seed)
    tried = group_counts(some.clients)

    def spread(client: Integers) -> Floats:
        cells = sums(phi, client * some.classes + some.y, some.clients * some.classes)
        total = between_groups(cells.reshape(some.clients, -1), some.sizes)
        return np.append(silhouettes(_joint(phi, some, client), tried), total)

    nulls = (
        permutation_test(
            spread,
            some.client,
            None,
            purpose="groups",
            shuffles=shuffles,
            seed=seed,
            level=level,
            decides=(len(tried),),
            kinds=1,
        )
        if tried
        else []
    )
    return client_map(shown, distances, nulls, level)


def group_counts(clients: int) -> range:
    """The numbers of groups that are looked at."""
    return range(2, min(MOST_GROUPS, clients - 1) + 1)


def client_map(
    shown: Integers, distances: dict[str, Floats], nulls: list[Null], level: float
) -> Groups:
    """The map of these clients by the distances "together", and as many groups as there are.

    nulls: the mean silhouettes for each of `group_counts`, then the spread; may be empty.
    """
    joint = distances["together"]
    group = np.zeros(len(shown), np.int64)
    if not nulls:
        return Groups(shown, distances, classical_scaling(joint), group, {}, 1.0)
    *each, spread = nulls
    evidence = {
        k: Measure.of(f"{k} groups", null, "mean silhouette, 1 for groups far apart")
        for k, null in zip(group_counts(len(shown)), each, strict=True)
    }
    best = max(measure.value for measure in evidence.values())
    count = min(k for k, measure in evidence.items() if measure.value >= best - NEARLY)
    if spread.p <= level and best >= REASONABLE:
        group = _cuts(joint, range(count, count + 1))[:, 0]
    return Groups(shown, distances, classical_scaling(joint), group, evidence, spread.p)


def classical_scaling(distances: Floats) -> Floats:
    """Classical scaling of distances [N, N] to places in two dimensions: [N, 2]."""
    n = len(distances)
    centre = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ np.square(distances) @ centre)
    lengths = np.sqrt(np.maximum(values[::-1][:2], 0))
    places = vectors[:, ::-1][:, :2] * lengths
    signs = np.sign(places[np.abs(places).argmax(0), np.arange(places.shape[1])])
    return places * np.where(signs == 0, 1, signs)


def _joint(phi: Floats, some: Samples, client: Integers) -> Floats:
    """Distances without what the finite samples of two equal clients would give on average."""
    cells = sums(phi, client * some.classes + some.y, some.clients * some.classes)
    sizes = some.sizes
    means = cells.reshape(some.clients, -1) / sizes[:, None]
    lengths = np.bincount(client, np.square(phi).sum(1), some.clients) / sizes
    noise = (lengths - np.square(means).sum(1)) / np.maximum(sizes - 1, 1)
    return mean_distances(means, noise)


def mean_distances(means: Floats, noise: Floats | float = 0.0) -> Floats:
    """Distances of means [N, D]; `noise` [N] is taken off their squared lengths: [N, N]."""
    own = np.square(means).sum(1) - noise
    distances = np.sqrt(np.maximum(own[:, None] + own - 2 * means @ means.T, 0))
    np.fill_diagonal(distances, 0)
    return (distances + distances.T) / 2


def label_distances(counts: Integers) -> Floats:
    """Root of the Jensen-Shannon divergence of the rows of counts [N, classes]: [N, N]."""
    share = counts / counts.sum(1, keepdims=True)
    return np.sqrt(jensen_shannon(share[:, None], share[None]))


def _feature(phi: Floats, some: Samples) -> Floats:
    """Kernel distance within classes that both hold, weighted by the smaller number of samples."""
    counts = some.counts
    means = sums(phi, some.cell, some.clients * some.classes).reshape(*counts.shape, -1)
    return class_distances(means / np.maximum(counts, 1)[:, :, None], counts)


def class_distances(means: Floats, counts: Integers) -> Floats:
    """Distance of the means [N, classes, D] within classes of which both hold samples, weighted
    by the smaller of their counts [N, classes]: [N, N], NaN where they share no class."""
    total, weight = np.zeros((2, len(counts), len(counts)))
    for k in range(counts.shape[1]):
        shared = np.minimum(counts[:, k, None], counts[None, :, k])
        total += shared * np.square(mean_distances(means[:, k]))
        weight += shared
    return np.sqrt(np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0))


def _data_sets(some: Samples, seed: int) -> Floats:
    """Root of OTDD between at most 40 samples of each client along the 8 main directions."""
    x = main_directions(some.x, MAIN)
    order = generator(seed, "diagnosis/transport").permutation(len(some.y))
    each = [order[some.client[order] == i][:EACH] for i in range(some.clients)]
    distances = np.zeros((some.clients, some.clients))
    for i, j in combinations(range(some.clients), 2):
        a, b = each[i], each[j]
        distances[i, j] = distances[j, i] = otdd(x[a], some.y[a], x[b], some.y[b])
    return np.sqrt(np.maximum(distances, 0))


def silhouette(distances: Floats, group: Integers) -> float:
    """Mean silhouette of groups [N] numbered from 0, under distances [N, N]; 0 for one alone."""
    belongs = np.eye(int(group.max()) + 1)[group]
    sizes = belongs.sum(0)
    total = distances @ belongs
    rows = np.arange(len(group))
    own = total[rows, group] / np.maximum(sizes[group] - 1, 1)
    mean = total / sizes
    mean[rows, group] = np.inf
    other = mean.min(1)
    longer = np.maximum(np.maximum(own, other), 1e-300)
    return float(np.where(sizes[group] > 1, (other - own) / longer, 0.0).mean())


def silhouettes(distances: Floats, tried: range) -> Floats:
    """Mean silhouette of average linkage for each number of groups."""
    return np.array([silhouette(distances, group) for group in _cuts(distances, tried).T])


def _cuts(distances: Floats, counts: range) -> Integers:
    """Groups of average linkage for each number of groups: [N, counts]."""
    tree = linkage(squareform(distances, checks=False), "average")
    return cut_tree(tree, n_clusters=list(counts)).astype(np.int64)
