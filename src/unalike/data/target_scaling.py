"""Quantities on a scale that usual step sizes are made for, learned from sums over clients.

    quantities    less the mean of the training samples, over their standard deviation, each target
    counts        over the mean of the training samples

Measures, baselines and predictions stay in the unit of what is asked: the federation's task knows
the scale, and nobody else has to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unalike.tasks import TargetScale, Task

from .federated_data import Data
from .preprocessing.array_fit import ArrayFit, fit_array, fit_arrays
from .preprocessing.array_preprocessing import ArrayPreprocessing
from .preprocessing.settings import Scale

METHOD: Scale = "standard"


def target_queries() -> ArrayFit:
    """What clients are asked until the scale of targets is known; see `target_columns`."""
    return fit_array(METHOD)


def target_columns(y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Quantities [n] or [n, k] as the answers to `target_queries` are computed from: [n, k]."""
    return y.reshape(len(y), -1)


def as_target_scale(task: Task, fitted: ArrayPreprocessing) -> TargetScale:
    """The scale for this task's y, from what `target_queries` found."""
    mean = (low + offset for low, offset in zip(fitted.low, fitted.offset, strict=True))
    return task.scale_of(tuple(mean), fitted.scale)


def with_target_scale(federation: Data) -> Data:
    """The federation with its quantities on one scale, learned from those who train.

    As it was where what is asked has no unit, is on such a scale already, or lies elsewhere.
    """
    task = federation.task
    if not task.has_unit or task.target_scale is not None or not len(federation.train.values):
        return federation
    y = federation.y.numpy()
    parts = {
        str(i): target_columns(y[federation.train.rows(i)])
        for i in np.flatnonzero(~federation.newcomers).tolist()
    }
    asked = task.on_scale(as_target_scale(task, fit_arrays(parts, METHOD)))
    return replace(
        federation,
        y=torch.from_numpy(asked.scaled(y)),
        y_test=torch.from_numpy(asked.scaled(federation.y_test.numpy())),
        task=asked,
    )


def target_sentences(task: Task) -> list[str]:
    """What a reader must know of the scale on which a task's y are."""
    if task.target_scale is None:
        return []
    return [
        f"What is asked is scaled for training: {task.scale_text()}. Measures and "
        "predictions are in its own unit, losses are not (target_scale = none leaves it)."
    ]
