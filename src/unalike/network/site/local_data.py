"""The samples of one site, as a federation of one client."""

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
from unalike.tasks import task_named


def client_federation(federation: Federation, row: int) -> Federation:
    """The client of this row alone, with its samples and nobody else's."""
    train, validation = federation.train.rows(row), federation.validation.rows(row)
    test = federation.test.rows(row)
    training_rows = torch.from_numpy(np.concatenate([train, validation]))
    test_rows = torch.from_numpy(test)
    positions = np.arange(len(training_rows))
    return replace(
        federation,
        x=federation.x[training_rows],
        y=federation.y[training_rows],
        x_test=federation.x_test[test_rows],
        y_test=federation.y_test[test_rows],
        train=_rows_of_one_client(positions[: len(train)]),
        validation=_rows_of_one_client(positions[len(train) :]),
        test=_rows_of_one_client(np.arange(len(test))),
        names=(federation.names[row],),
        newcomers=federation.newcomers[row : row + 1],
        pooled_test=np.arange(len(test)),
        groups=None,
    )


def own_federation(
    arrays: Arrays, name: str, *, classes: int, seed: int, validation: float, test: float
) -> Federation:
    """A site's own samples, cut at random into training, validation and test."""
    sizes = np.array([len(arrays.y)])
    parts = cut(sizes, validation=validation, test=test)
    train_size, validation_size, _ = (int(part[0]) for part in parts)
    order = generator(seed, "data/cut").permutation(len(arrays.y))
    training_rows = order[: train_size + validation_size]
    test_rows = order[train_size + validation_size :]
    positions = np.arange(len(training_rows))
    return Federation(
        x=torch.from_numpy(arrays.x[training_rows]),
        y=torch.from_numpy(arrays.y[training_rows]),
        x_test=torch.from_numpy(arrays.x[test_rows]),
        y_test=torch.from_numpy(arrays.y[test_rows]),
        train=_rows_of_one_client(positions[:train_size]),
        validation=_rows_of_one_client(positions[train_size:]),
        test=_rows_of_one_client(np.arange(len(test_rows))),
        names=(name,),
        newcomers=np.zeros(1, dtype=bool),
        pooled_test=np.arange(len(test_rows)),
        task=task_named(arrays.task).of(classes, arrays.y.shape[1:]),
    )


def _rows_of_one_client(values: NDArray[np.int64]) -> Ragged:
    return Ragged.of(values, np.array([len(values)]))
