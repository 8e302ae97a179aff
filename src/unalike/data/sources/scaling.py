"""Columns on one scale: less the mean of the training samples, over their standard deviation."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from .source import Transform


def standard_scaling(columns: Sequence[int]) -> Callable[[list[npt.NDArray[Any]]], Transform]:
    """For `Arrays.fit`: these columns of x [n, p] are standardised, the others stay as they are.

    A column that is the same in all training samples stays as it is, too.
    """
    return partial(_fit, list(columns))


def _fit(columns: list[int], clients: list[npt.NDArray[Any]]) -> Transform:
    samples = np.concatenate(clients)
    varying = [j for j in columns if np.ptp(samples[:, j]) > 0]
    mean = samples[:, varying].mean(axis=0, dtype=np.float64)
    deviation = samples[:, varying].std(axis=0, dtype=np.float64)

    def transform(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        scaled = x.astype(np.float32)
        scaled[:, varying] = (x[:, varying] - mean) / deviation
        return scaled

    return transform
