"""What a client tells of its samples when they must stay where they are.

Two questions. First the spread of its features, from which everybody's scale follows; then, for
each class, how many samples it holds, and their mean, covariance and mean fourth power of the
distance from the mean along 16 random directions. Classes of fewer than 10 samples keep theirs.

With noise (see `noise`) there is one question only: samples are brought to length one, by
themselves, so that the share of each in what is told is known beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unalike.functional.streams import generator

from .samples import AT_ONCE
from .summary_noise import Noise, symmetric

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DIRECTIONS = 16
FEWEST = 10
"""Samples of a class below which a client tells nothing of them but their number."""

ROUNDING = 1e-20
"""Of a variance beside its squared mean, below which it comes from rounding alone."""


class FeatureMoments(NamedTuple):
    """The features of one client's samples, coordinate by coordinate."""

    size: Integers  # [] samples
    mean: Floats  # [d]
    variance: Floats  # [d], population form


class FeatureScale(NamedTuple):
    """How all clients' samples are looked at: what is taken off, then what is multiplied."""

    centre: Floats  # [d]
    scale: Floats  # [d], 0 where everybody's samples are the same


class Summary(NamedTuple):
    """One client's samples, class by class; zeros where it does not tell."""

    counts: Integers  # [C]
    mean: Floats  # [C, m]
    covariance: Floats  # [C, m, m], population form
    tails: Floats  # [C], mean of |u - mean|^4; zeros with noise


def feature_moments(x: NDArray[Any]) -> FeatureMoments:
    """Of samples x [n, ...]."""
    flat = x.reshape(len(x), -1)
    mean = flat.mean(0, dtype=np.float64)
    variance = sum(np.square(part - mean).sum(0) for part in _parts(flat)) / len(flat)
    return FeatureMoments(np.array(len(flat)), mean, np.asarray(variance))


def pooled_scale(spreads: Sequence[FeatureMoments], *, together: bool) -> FeatureScale:
    """What gives everybody's samples mean 0 and variance 1.

    together: by one factor for all coordinates, since they share one unit, as pixels do.
    """
    sizes = np.array([float(one.size) for one in spreads])
    share = sizes / sizes.sum()
    means = np.stack([one.mean for one in spreads])
    centre = share @ means
    variance = share @ (np.stack([one.variance for one in spreads]) + np.square(means - centre))
    used = variance > ROUNDING * np.square(centre)
    variance = np.where(used, variance.mean(), 0) if together else variance
    return FeatureScale(centre, np.where(used, 1 / np.sqrt(np.where(used, variance, 1)), 0.0))


def summarise(x: NDArray[Any], y: Integers, classes: int, lens: FeatureScale, seed: int) -> Summary:
    """Of samples x [n, ...] with classes y [n]."""
    flat = x.reshape(len(x), -1)
    directions = _directions(flat.shape[1], seed)
    scaled = lens.scale[:, None] * directions
    u = np.concatenate([(part - lens.centre) @ scaled for part in _parts(flat)])
    m = u.shape[1]
    summary = Summary(
        np.bincount(y, minlength=classes).astype(np.int64),
        np.zeros((classes, m)),
        np.zeros((classes, m, m)),
        np.zeros(classes),
    )
    for k in np.flatnonzero(summary.counts >= FEWEST):
        of_class = u[y == k]
        summary.mean[k] = of_class.mean(0)
        deviations = of_class - summary.mean[k]
        summary.covariance[k] = deviations.T @ deviations / len(deviations)
        summary.tails[k] = np.square(np.square(deviations).sum(1)).mean()
    return summary


def noisy_summary(
    x: NDArray[Any],
    y: Integers,
    classes: int,
    noise: Noise,
    seed: int,
    rng: np.random.Generator,
) -> Summary:
    """The same with noise from `rng`, which nobody else may know, on samples of length one.

    Images first lose their own mean brightness, so that what they show counts.
    """
    flat = x.reshape(len(x), -1)
    directions = _directions(flat.shape[1], seed)
    u = np.concatenate([_of_length_one(part, x.ndim > 2, directions) for part in _parts(flat)])
    m = u.shape[1]
    mean, second = np.zeros((classes, m)), np.zeros((classes, m, m))
    for k in range(classes):
        of_class = u[y == k]
        mean[k], second[k] = of_class.sum(0), of_class.T @ of_class
    counts = noise.noisy_counts(np.bincount(y, minlength=classes).astype(np.int64), rng)
    mean += noise.deviation * rng.standard_normal(mean.shape)
    second += noise.deviation * symmetric(rng.standard_normal(second.shape))
    n = np.maximum(counts, 1)[:, None]
    mean, second = mean / n, second / n[:, None]
    outer = mean[:, :, None] * mean[:, None]
    return Summary(counts, mean, second - outer, np.zeros(classes))


def _of_length_one(part: NDArray[Any], image: bool, directions: Floats) -> Floats:
    u = (part - part.mean(1, keepdims=True) if image else part) @ directions
    length = np.linalg.norm(u, axis=1, keepdims=True)
    return u / np.where(length > 0, length, 1)


def _directions(size: int, seed: int) -> Floats:
    """Along which samples of this size are looked at: variance 1 stays variance 1 on average."""
    if size <= DIRECTIONS:
        return np.eye(size)
    rng = generator(seed, "diagnosis/summary")
    return rng.standard_normal((size, DIRECTIONS)) / np.sqrt(size)


def _parts(flat: NDArray[Any]) -> list[NDArray[Any]]:
    return np.array_split(flat, 1 + flat.size // AT_ONCE)
