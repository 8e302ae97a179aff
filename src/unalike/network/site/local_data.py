"""What one site holds: a federation of one client."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from unalike.data.cut import cut
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.data.sources.source import Arrays
from unalike.functional.streams import generator


def only(federation: Federation, row: int) -> Federation:
    """The client of this row alone, with its samples and nobody else's."""
    train, validation = federation.train.rows(row), federation.validation.rows(row)
    test = federation.test.rows(row)
    kept = torch.from_numpy(np.concatenate([train, validation]))
    tests = torch.from_numpy(test)
    every = np.arange(len(kept))
    return replace(
        federation,
        x=federation.x[kept],
        y=federation.y[kept],
        x_test=federation.x_test[tests],
        y_test=federation.y_test[tests],
        train=_list(every[: len(train)]),
        validation=_list(every[len(train) :]),
        test=_list(np.arange(len(test))),
        names=(federation.names[row],),
        newcomers=federation.newcomers[row : row + 1],
        pooled_test=np.arange(len(test)),
        groups=None,
    )


def cut_once(
    arrays: Arrays, name: str, *, classes: int, seed: int, validation: float, test: float
) -> Federation:
    """A site's own samples, cut at random into training, validation and test."""
    sizes = np.array([len(arrays.y)])
    trains, validations, _ = (int(part[0]) for part in cut(sizes, validation=validation, test=test))
    order = generator(seed, "data/cut").permutation(len(arrays.y))
    kept, tests = order[: trains + validations], order[trains + validations :]
    every = np.arange(len(kept))
    return Federation(
        x=torch.from_numpy(arrays.x[kept]),
        y=torch.from_numpy(arrays.y[kept]),
        x_test=torch.from_numpy(arrays.x[tests]),
        y_test=torch.from_numpy(arrays.y[tests]),
        train=_list(every[:trains]),
        validation=_list(every[trains:]),
        test=_list(np.arange(len(tests))),
        names=(name,),
        newcomers=np.zeros(1, dtype=bool),
        pooled_test=np.arange(len(tests)),
        classes=classes,
        task=arrays.task,
    )


def _list(values: NDArray[np.int64]) -> Ragged:
    return Ragged.of(values, np.array([len(values)]))
