"""The clients of a named data set or of a user's own files, for a diagnosis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unalike.data.federation import Federation
from unalike.data.own_files import OwnFiles, read_own
from unalike.data.sources import SOURCES
from unalike.data.sources.synthetic import named
from unalike.errors import InputError, unknown

from .run import dealt
from .settings import make_study


def clients_of(
    data: str,
    *,
    seed: int = 0,
    columns: dict[str, str] | None = None,
    settings: dict[str, Any] | None = None,
) -> Federation | OwnFiles:
    """The clients of `data`: a named set, dealt by settings of a study, or a file or folder.

    `columns` are those of `read_own`.

    Raises:
        InputError: one sentence says what to change.
    """
    columns, settings = columns or {}, settings or {}
    if data in SOURCES or named(data):
        if columns:
            raise InputError(
                f"Columns are for your own files; how {data!r} is dealt to clients is said with "
                "--split."
            )
        return dealt(make_study({"data": data, **settings}), seed)
    if settings:
        raise InputError(
            f"--{next(iter(settings)).replace('_', '-')} is for named data sets; whose the samples "
            f"of {data} are is said with --client-column."
        )
    if not Path(data).exists() and not Path(data).suffix:
        raise unknown("data set", data, SOURCES)
    return read_own(data, **columns)
