"""A site's own samples, from the same files and folders as those of a simulated study."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from unalike.data.preprocessing.table import Table
from unalike.data.reading.picture_folders import picture_files
from unalike.data.reading.raw_samples import RawSamples, read_raw
from unalike.errors import InputError, unknown


def read_own_samples(
    path: str | os.PathLike[str], *, name: str = "", client: str | None = None, **reading: Any
) -> RawSamples:
    """The samples of one site, by name.

    client: where the file holds several clients, the column that names them; those samples are
    taken in which it says `name`. reading: further arguments of `read_raw`.

    Raises:
        InputError: one sentence says what to change.
    """
    place = Path(path)
    if place.is_dir() and not reading.get("layout") and _one_level(place):
        reading["layout"] = "class"
    raw = read_raw(place, client=client, **reading)
    if isinstance(raw.x, Table) and raw.settings.drop:
        raw = replace(raw, x=raw.x.without(raw.settings.drop))
    if raw.client is None:
        return raw
    names = sorted(set(raw.client.tolist()))
    if name in names:
        return raw.of_client(name)
    if client is not None:
        raise InputError(
            f"No sample of {place} has this site's name in column {client!r}. "
            f"{unknown('client', name, names)}"
        )
    if place.is_dir():
        raise InputError(
            f"{place} holds the pictures of several clients, none of them called {name!r}: give "
            f"this site's own folder, such as {place / names[0]}."
        )
    if len(names) > 1:
        raise InputError(
            f"{place} holds samples of {len(names)} clients, none of them called {name!r}: say "
            "--client-column with the column that holds this site's --name, or give this site a "
            "file of its own."
        )
    return raw.of_client(names[0])


def _one_level(folder: Path) -> bool:
    """Whether pictures lie in folders of their classes, and no deeper."""
    depths = {len(file.relative_to(folder).parts) for file in picture_files(folder)}
    return depths == {2}
