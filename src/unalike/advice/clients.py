"""Whose advice it is: a named data set, a user's own files, or a federation from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unalike.data.federate import federate
from unalike.data.federation import Federation
from unalike.data.own_files import OwnFiles
from unalike.data.sources import SOURCES
from unalike.errors import InputError
from unalike.study.clients import clients_of
from unalike.study.settings import SPLIT_OPTIONS, Study

DEALING = ("data_dir", "split", "clients", "min_size", "skew", *SPLIT_OPTIONS)
"""Settings of a study that say how the samples of a named data set are dealt."""
CUTTING = ("validation", "test", "new_clients")


def federation_of(
    data: str | Path | Federation,
    study: Study,
    *,
    columns: dict[str, str],
    settings: dict[str, Any],
    seed: int,
) -> Federation:
    """The clients, each with training, validation and test samples.

    settings: those of the study that were given; how samples are dealt is for named data sets.

    Raises:
        InputError: one sentence says what to change.
    """
    dealing = {name: value for name, value in settings.items() if name in DEALING}
    if isinstance(data, Federation):
        if dealing or columns:
            option = next(iter([*dealing, *columns]))
            raise InputError(f"{option} is for named data sets and files, not for a Federation.")
        return data
    if str(data) in SOURCES:
        dealing |= {name: value for name, value in settings.items() if name in CUTTING}
    held = clients_of(str(data), seed=seed, columns=columns, settings=dealing)
    if isinstance(held, OwnFiles):
        return federate(
            held.arrays,
            split="natural",
            seed=seed,
            validation=study.validation,
            test=study.test,
            new_clients=study.new_clients,
            min_size=study.min_size,
        )
    return held
