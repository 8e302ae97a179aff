"""A diagnosis of clients whose samples stay where they are, from what each tells of its own.

Label and quantity skew need no more than counts, so they are what they would be with all samples
in one place. Feature skew is looked for in means and covariances. Concept shift and temporal skew
cannot be seen from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from unalike.errors import InputError
from unalike.measures.distances import gaussian_w2_each, root

from .client_groups import (
    class_distances,
    client_map,
    group_counts,
    label_distances,
    mean_distances,
    silhouettes,
)
from .diagnose import FEWER_SHUFFLES, check_shuffles, remarks_on_counts, with_holm
from .diagnosis_result import Diagnosis, Finding, Groups, Measure
from .embedding import between_groups
from .label_skew import label_skew_of_counts, random_table
from .moments import Moments, mixture
from .null import draw_nulls
from .quantity_skew import quantity_skew_of_sizes
from .sample_order import table_order
from .summary import DIRECTIONS, FEWEST, Summary
from .summary_noise import Noise

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Summaries:
    """What N clients told."""

    names: tuple[str, ...]  # N
    labels: tuple[str, ...]  # the names of the classes
    summaries: tuple[Summary, ...]  # N
    epsilon: float | None = None  # of the noise in each


def diagnose_summaries(
    given: Summaries, *, shuffles: int = 200, level: float = 0.05, seed: int = 0
) -> Diagnosis:
    """How unlike the clients are by labels, sizes and features, and whether it is chance.

    Raises:
        InputError: too few clients told anything, or there are too few shuffles.
    """
    check_shuffles(shuffles, level)
    some = [i for i, one in enumerate(given.summaries) if one.counts.sum() > 0]
    if len(some) < 2:
        raise InputError(
            f"{len(some)} of {len(given.names)} clients told of samples: a diagnosis compares at "
            "least two."
        )
    names = tuple(given.names[i] for i in some)
    noise = None if given.epsilon is None else Noise(given.epsilon)
    told = Summary(*map(np.stack, zip(*(given.summaries[i] for i in some), strict=True)))
    clients, classes = table_order(told.counts, told.mean)
    cells = np.ix_(clients, classes)
    held = Moments(
        told.counts[cells], told.mean[cells], told.covariance[cells], told.tails[cells], noise
    )
    measured = [
        label_skew_of_counts(
            held.counts,
            shuffles=shuffles,
            seed=seed,
            level=level,
            add_noise=None if noise is None else noise.noisy_counts,
        ),
        quantity_skew_of_sizes(
            held.counts.sum(1),
            shuffles=shuffles,
            seed=seed,
            level=level,
            add_noise=None if noise is None else partial(_sized, noise, len(given.labels)),
        ),
    ]
    if held.shared.any():
        measured.append(feature_skew_of_moments(held, shuffles=shuffles, seed=seed, level=level))
    return Diagnosis(
        names,
        told.counts,
        given.labels,
        with_holm(measured, level),
        _groups(held, shuffles=min(shuffles, FEWER_SHUFFLES), level=level, seed=seed).renumber(
            clients
        ),
        None,
        (*_remarks(given, held, len(some)), *remarks_on_counts(told.counts, names, given.labels)),
        {
            "shuffles": shuffles,
            "level": level,
            "seed": seed,
            "samples": int(held.counts.sum()),
            "epsilon": given.epsilon,
            "delta": None if noise is None else noise.delta,
        },
    )


def _sized(noise: Noise, classes: int, sizes: Integers, rng: np.random.Generator) -> Integers:
    """Sizes [N] as they come out of counts with noise."""
    return np.maximum(sizes + noise.errors((len(sizes), classes), rng).sum(1), 1)


def feature_skew_of_moments(
    held: Moments, *, shuffles: int, seed: int, level: float | None = None
) -> Finding:
    """Distances of clients from everybody, within classes and over all, as Gaussians."""
    within, beyond = draw_nulls(
        _distances(held),
        lambda rng: _distances(held.draw(held.counts, rng)),
        purpose="summaries/feature",
        shuffles=shuffles,
        seed=seed,
        level=level,
        decides=(0, 1),
    )
    unit = "standard deviations" if held.noise is None else "lengths of a sample"
    return Finding(
        "feature",
        (
            Measure.of(
                "Gaussian W2² within classes",
                within,
                "squared distance of the mean and covariance of a client's samples of a class from "
                "everybody's of that class, for one direction on average",
                decides=True,
            ),
            Measure.of(
                "Gaussian W2² beyond labels",
                beyond,
                "the same of all a client's samples from everybody's; chance has the same labels",
                decides=True,
            ),
        ),
        f"Within a class, samples of a client are {np.sqrt(within.value):.2f} {unit} from "
        f"everybody's along a random direction (chance: {np.sqrt(within.draws.mean()):.2f}).",
        f"what the means and covariances along {DIRECTIONS} random directions do not show; classes "
        f"of which a client holds fewer than {FEWEST} samples; differences that each client has "
        "within itself; where clients also label differently and hold different classes, it cannot "
        "tell whose fault the difference is",
    )


def _distances(held: Moments) -> Floats:
    """Within classes and beyond labels, each client weighted by its size: [2]."""
    m = held.mean.shape[-1]
    n = np.where(held.shared, held.counts, 0)
    mean, covariance = held.everybody
    w2 = gaussian_w2_each(mean, root(covariance), held.mean, held.covariance)
    share = n / np.maximum(n.sum(1, keepdims=True), 1)
    whole = mixture(share, held.mean, held.covariance)
    clients = n.sum(1) / n.sum()
    total, around = mixture(clients[None], whole[0][None], whole[1][None])
    apart_from_all = gaussian_w2_each(total[0], root(around[0]), *whole)
    return np.array([(n * w2).sum() / n.sum(), clients @ apart_from_all]) / m


def _groups(held: Moments, *, shuffles: int, level: float, seed: int) -> Groups:
    """The map of the clients by labels and class means: MMD under (1 + u u' / m) 1[y = y']."""
    clients = len(held.counts)
    joint = _joint(held)
    distances = {
        "together": joint,
        "label": label_distances(held.counts),
        "feature": class_distances(
            held.mean / np.sqrt(held.mean.shape[-1]), np.where(held.known, held.counts, 0)
        ),
    }
    tried = group_counts(clients)

    def spread(some: Moments) -> Floats:
        sizes = some.counts.sum(1)
        total = between_groups(_embedded(some) * sizes[:, None], sizes)
        return np.append(silhouettes(_joint(some), tried), total)

    def dealt(rng: np.random.Generator) -> Floats:
        return spread(held.draw(random_table(held.counts.sum(1), held.counts.sum(0), rng), rng))

    nulls = (
        draw_nulls(
            spread(held),
            dealt,
            purpose="summaries/groups",
            shuffles=shuffles,
            seed=seed,
            level=level,
            decides=(len(tried),),
            kinds=1,
        )
        if tried
        else []
    )
    return client_map(np.arange(clients), distances, nulls, level)


def _embedded(held: Moments) -> Floats:
    """Mean of one-hot(y) x (1, u / sqrt m) over each client's samples: [N, C (1 + m)]."""
    share = held.counts / held.counts.sum(1, keepdims=True)
    mean = _filled(held)[0]
    whole = np.concatenate([np.ones((*share.shape, 1)), mean / np.sqrt(mean.shape[-1])], axis=2)
    return (share[:, :, None] * whole).reshape(len(share), -1)


def _joint(held: Moments) -> Floats:
    """Distances without what the finite samples of two equal clients would give on average."""
    means, sizes = _embedded(held), held.counts.sum(1)
    mean, variance = _filled(held)
    lengths = 1 + (variance + np.square(mean).sum(2)) / mean.shape[-1]
    share = held.counts / sizes[:, None]
    finite = (share * lengths).sum(1) - np.square(means).sum(1)
    return mean_distances(means, finite / np.maximum(sizes - 1, 1))


def _filled(held: Moments) -> tuple[Floats, Floats]:
    """Means [N, C, m] and total variances [N, C], everybody's where a client does not tell."""
    mean, covariance = held.everybody
    own = np.trace(held.covariance, axis1=2, axis2=3)
    usual = np.trace(covariance, axis1=1, axis2=2)
    return (
        np.where(held.known[:, :, None], held.mean, mean),
        np.maximum(np.where(held.known, own, usual), 0),
    )


def _remarks(given: Summaries, held: Moments, some: int) -> list[str]:
    said = [
        "Clients told summaries and no samples. Chance for features is simulated: classes are "
        "taken for elliptical. Concept shift and temporal skew are not measured: they need samples."
    ]
    if not held.shared.any():
        least = FEWEST if held.noise is None else "enough"
        said.append(
            f"Feature skew is not measured: no two clients hold {least} samples of a class."
        )
    if held.noise is not None:
        said.append(
            f"Each client's numbers hold noise that hides any single sample, (ε, δ) = "
            f"({held.noise.epsilon:g}, {held.noise.delta:g}) for this one release; chance holds it "
            "as well. Samples were brought to length one, so differences of length alone do not "
            "show."
        )
    if some < len(given.names):
        said.append(f"{len(given.names) - some} clients told of no samples and are left out.")
    return said
