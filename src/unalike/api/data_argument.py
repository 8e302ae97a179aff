"""What the argument `data` of a verb stands for: a named data set, files, or a federation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unalike.data.client_files import ClientFiles, read_client_files
from unalike.data.federation import Federation, federate
from unalike.data.sources import SOURCES
from unalike.data.sources.synthetic import parse_synthetic
from unalike.errors import InputError, unknown
from unalike.study.inputs import deal_study
from unalike.study.setting_checks import SPLIT_OPTIONS
from unalike.study.settings import Study, make_study
from unalike.tasks import AUTO

DEALING = ("task", "data_dir", "split", "clients", "min_size", "skew", *SPLIT_OPTIONS)
"""Settings of a study that say how the samples of a named data set are dealt."""
CUTTING = ("validation", "test", "new_clients")


def resolve_clients(
    data: str,
    *,
    seed: int = 0,
    columns: dict[str, str] | None = None,
    settings: dict[str, Any] | None = None,
) -> Federation | ClientFiles:
    """The clients of `data`: a named set, dealt by settings of a study, or a file or folder.

    `columns` are those of `read_client_files`.

    Raises:
        InputError: one sentence says what to change.
    """
    columns, settings = columns or {}, dict(settings or {})
    if data in SOURCES or parse_synthetic(data):
        if columns:
            raise InputError(
                f"Columns are for your own files; how {data!r} is dealt to clients is said with "
                "--split."
            )
        return deal_study(make_study({"data": data, **settings}), seed)
    asked = settings.pop("task", AUTO)
    if settings:
        raise InputError(
            f"--{next(iter(settings)).replace('_', '-')} is for named data sets; whose the samples "
            f"of {data} are is said with --client-column."
        )
    if not Path(data).exists() and not Path(data).suffix:
        raise unknown("data set", data, SOURCES)
    return read_client_files(data, task=asked, **columns)


def resolve_federation(
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
    held = resolve_clients(str(data), seed=seed, columns=columns, settings=dealing)
    if isinstance(held, ClientFiles):
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
