"""Samples of every task with predictions of any quality: what a model put out, and the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unalike.tasks import Task
from unalike.tasks.binary import Binary
from unalike.tasks.classes import Classes
from unalike.tasks.counts import Counts
from unalike.tasks.labels import Labels
from unalike.tasks.regression import Regression
from unalike.tasks.sequence import PADDING, Sequence
from unalike.tasks.survival import Survival

Array = NDArray[Any]
Made = tuple[Task, Array, Array]
"""The task, outputs [n, ...] and truth [n, ...]."""


def classes(n: int, skill: float, seed: int) -> Made:
    rng = np.random.default_rng(seed)
    y = rng.integers(4, size=n)
    return Classes(tuple("abcd")), _logits(rng, y, 4, skill), y


def binary(n: int, skill: float, seed: int) -> Made:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.4).astype(np.int64)
    return Binary(("no", "yes")), _logits(rng, y, 2, skill), y


def labels(n: int, skill: float, seed: int) -> Made:
    rng = np.random.default_rng(seed)
    y = (rng.random((n, 3)) < 0.4).astype(np.float32)
    noise = rng.normal(size=y.shape)
    return Labels(tuple("abc")), (skill * (2 * y - 1) + noise).astype(np.float32), y


def regression(n: int, skill: float, seed: int) -> Made:
    rng = np.random.default_rng(seed)
    y = rng.normal(3, 2, n).astype(np.float32)
    guess = y + rng.normal(size=n) * 4 / (1 + skill)
    return Regression(), guess[:, None].astype(np.float32), y


def counts(n: int, skill: float, seed: int) -> Made:
    rng = np.random.default_rng(seed)
    log_rate = rng.normal(size=n)
    y = rng.poisson(np.exp(log_rate)).astype(np.float32)
    guess = log_rate + rng.normal(size=n) * 2 / (1 + skill)
    return Counts(), guess[:, None].astype(np.float32), y


def survival(n: int, skill: float, seed: int) -> Made:
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=n)
    time = np.ceil(12 * rng.exponential(np.exp(-risk)))  # whole numbers, so that there are ties
    y = np.stack([time, rng.random(n) < 0.7], 1).astype(np.float32)
    guess = np.round(skill * risk + rng.normal(size=n), 1)
    return Survival(), guess[:, None].astype(np.float32), y


def sequence(n: int, skill: float, seed: int) -> Made:
    rng = np.random.default_rng(seed)
    y = rng.integers(5, size=(n, 6))
    y[np.arange(6) >= rng.integers(1, 7, size=n)[:, None]] = PADDING
    return Sequence(5, 6), _logits(rng, np.maximum(y, 0), 5, skill), y


def _logits(rng: np.random.Generator, y: Array, classes: int, skill: float) -> Array:
    noise = rng.normal(size=(*y.shape, classes))
    return (noise + skill * (y[..., None] == np.arange(classes))).astype(np.float32)


MAKERS: dict[str, Callable[[int, float, int], Made]] = {
    "classes": classes,
    "binary": binary,
    "labels": labels,
    "regression": regression,
    "counts": counts,
    "survival": survival,
    "sequence": sequence,
}
