"""The samples of one site, as a federation of one client."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from unalike.data.cut import Cut, cut_draws, cut_samples
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.data.reading.label_evidence import answers_of
from unalike.data.reading.raw_samples import RawSamples
from unalike.data.subjects import subject_notes
from unalike.network.protocol.preparation import Preparation


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
        origin=None,
        subject=None,
        groups=None,
    )


def own_federation(
    raw: RawSamples,
    name: str,
    preparation: Preparation,
    *,
    seed: int,
    validation: float,
    test: float,
) -> Federation:
    """A site's own samples, cut as `federate` cuts those of all sites in one place.

    Raises:
        InputError: samples that what was fitted cannot take, or labels that are no answers.
        MessageError: the preparation cannot be read.
    """
    rows = parts_of(raw, preparation.start, seed=seed, validation=validation, test=test)
    asked, fitted = preparation.question(), preparation.fitted()
    x, y = fitted.transform(raw.x), answers_of(raw, asked)  # type: ignore[arg-type]
    resident = np.concatenate([rows.train, rows.validation])
    positions = np.arange(len(resident))
    return Federation(
        x=torch.from_numpy(x[resident]),
        y=torch.from_numpy(y[resident]),
        x_test=torch.from_numpy(x[rows.test]),
        y_test=torch.from_numpy(y[rows.test]),
        train=_rows_of_one_client(positions[: len(rows.train)]),
        validation=_rows_of_one_client(positions[len(rows.train) :]),
        test=_rows_of_one_client(np.arange(len(rows.test))),
        names=(name,),
        newcomers=np.zeros(1, dtype=bool),
        pooled_test=np.arange(len(rows.test)),
        task=asked,
        preprocessing=fitted,
    )


class Parts(NamedTuple):
    """The rows of one client's samples."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def parts_of(raw: RawSamples, start: int, *, seed: int, validation: float, test: float) -> Parts:
    """Which of a client's samples train, validate and test, the first being number `start`."""
    found = _cut(raw, start, seed=seed, validation=validation, test=test)
    train, validating = int(found.train[0]), int(found.validation[0])
    return Parts(*np.split(found.order, [train, train + validating]))


def subject_sentences(raw: RawSamples, name: str, *, validation: float, test: float) -> list[str]:
    """What becomes of a site's samples that share a subject, in sentences for its own people."""
    if raw.subjects is None:
        return []
    found = _cut(raw, 0, seed=0, validation=validation, test=test)
    return subject_notes(raw.subjects, found.together, found.parted, (name,))


def _cut(raw: RawSamples, start: int, *, seed: int, validation: float, test: float) -> Cut:
    return cut_samples(
        np.array([len(raw)]),
        cut_draws(seed, len(raw), start=start),
        raw.subjects,
        seed=seed,
        validation=validation,
        test=test,
    )


def _rows_of_one_client(values: NDArray[np.int64]) -> Ragged:
    return Ragged.of(values, np.array([len(values)]))
