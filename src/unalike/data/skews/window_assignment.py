"""Temporal skew: within every client some classes come early and others late.

Time is cut into windows t = 0..T-1 and every sample comes in one of them, so that a client holds
the same samples as before, but not at once. Each client draws an order of the classes that it
holds; the first half of the order are its late classes. With s(t) in [0, 1],

    drift     P(window t | late class) ~ 1 + strength (2 s(t) - 1),    early ones with a minus
    arrival   the last classes of the order are there from the start, the others come one after the
              other at even distances; once it is there, a class comes in all windows alike

    linear    s(t) = t / (T - 1)        step    s(t) = [t >= T / 2]
    sine      s(t) = (1 + sin(2 pi t / T)) / 2

Together the probabilities are multiplied; where nothing is left, arrival alone decides.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError, unknown
from unalike.functional.streams import generator

from .skew import by_unit

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def drift_law(name: str, windows: int) -> Floats:
    """s(t) of this name over so many windows: [windows].

    Raises:
        InputError: there is no such law, or fewer than two windows.
    """
    if windows < 2:
        raise InputError(f"Time needs at least 2 windows, not {windows}.")
    t = np.arange(windows)
    laws = {
        "linear": t / (windows - 1),
        "step": (t >= windows / 2).astype(np.float64),
        "sine": (1 + np.sin(2 * np.pi * t / windows)) / 2,
    }
    if name not in laws:
        raise unknown("law of time", name, laws)
    return laws[name]


def drift_windows(
    labels: Indices,
    owner: Indices,
    *,
    windows: int = 4,
    strength: float = 0.5,
    over_time: str = "linear",
    seed: int = 0,
) -> Indices:
    """The window of each sample: labels [n] and clients [n] -> [n] in 0..windows-1.

    Strength 0 is chance alone, 1 the strongest drift that the law allows.

    Raises:
        InputError: a strength outside [0, 1], or as `drift_law`.
    """
    if not 0 <= strength <= 1:
        raise InputError(f"The strength of a drift must be from 0 to 1, not {strength}.")
    tilt = strength * (2 * drift_law(over_time, windows) - 1)
    return assign_windows(labels, owner, tilt, seed=seed)


def assign_windows(
    labels: Indices, owner: Indices, tilt: Floats, *, first: int | None = None, seed: int = 0
) -> Indices:
    """The window of each sample: labels [n] and clients [n] -> [n] in 0..T-1.

    tilt: strength (2 s(t) - 1), [T]; zeros for no drift.
    first: classes that are there from the start; None where none arrives later.
    """
    classes, count = int(labels.max(initial=0)) + 1, len(tilt)
    window = np.empty(len(labels), np.int64)
    for i, rows in by_unit(owner):
        rng = generator(seed, "data/temporal", i)
        order = rng.permutation(classes)
        order = order[np.isin(order, labels[rows])]
        weight = np.zeros((classes, count))
        weight[order] = 1 - tilt
        weight[order[: len(order) // 2]] = 1 + tilt
        if first is not None:
            there = np.zeros((classes, count))
            there[order] = np.arange(count) >= _arrivals(len(order), first, count)[::-1, None]
            both = weight * there
            weight = np.where(both.sum(1, keepdims=True) > 0, both, there)
        borders = np.cumsum(weight[labels[rows]], axis=1)
        borders /= borders[:, -1:]
        window[rows] = (rng.random(len(rows))[:, None] >= borders[:, :-1]).sum(1)
    return window


def _arrivals(classes: int, first: int, windows: int) -> Indices:
    """The window in which each class arrives, in the order of arrival: [classes], rising."""
    late = max(0, classes - first)
    steps = np.ceil(np.arange(1, late + 1) * (windows - 1) / max(late, 1)).astype(np.int64)
    return np.concatenate([np.zeros(classes - late, np.int64), steps])
