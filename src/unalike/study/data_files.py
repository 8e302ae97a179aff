"""A study's own files: which settings say how they are read, and that they are still the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from unalike.data.dataset import Dataset
from unalike.data.reading import read
from unalike.data.reading.site_inputs import check_no_pattern
from unalike.data.sources import SOURCES
from unalike.data.sources.source import Source
from unalike.data.sources.synthetic import parse_synthetic
from unalike.errors import InputError, unknown
from unalike.models.registry import takes_tokens

ROLES = {
    "client_column": "client",
    "label_column": "label",
    "event_column": "event",
    "group_column": "group",
    "subject_column": "subject",
}
"""Settings that name a column, and what the column is to `read`."""
READING = {
    "columns": "kinds",
    "drop": "drop",
    "scale": "scale",
    "resize": "resize",
    "layout": "layout",
    "channels": "channels",
    "decimal": "decimal",
}
"""Further settings of own samples, by what `read` calls them."""
FILE_SETTINGS = (*ROLES, *READING)
OWN = "own"
"""The data of a study whose samples come from Python or from sites of a federation."""


def source_named(data: str) -> Source | None:
    """The data set of this name; None where `data` is a file, a folder or nothing at all."""
    return SOURCES.get(data) or parse_synthetic(data)


def is_file(data: str) -> bool:
    """Whether this is a file or folder that is there, and no data set's name."""
    return data not in ("", OWN) and source_named(data) is None and Path(data).exists()


def read_options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `read` that settings of a study stand for."""
    known = {**ROLES, **READING, "task": "task"}
    return {
        known[name]: value
        for name, value in settings.items()
        if name in known and value not in (None, {}, (), [])
    }


def read_file(data: str, settings: Mapping[str, Any], *, time_column: str | None = None) -> Dataset:
    """The samples in a file or folder.

    settings: of a study; those that say how files are read are looked at.

    Raises:
        InputError: it is not there, or it cannot be read.
    """
    check_file(data)
    return read(Path(data), time=time_column, **read_options(settings))


def check_file(data: str, checksum: str | None = None) -> None:
    """Whether a file or folder is there, and what it was when the study began.

    checksum: that of the beginning; None for a study that begins.

    Raises:
        InputError: it is not, or it has changed.
    """
    place = Path(data)
    if not place.exists():
        check_no_pattern(place)
        if not place.suffix and len(place.parts) == 1:
            raise unknown("data set", data, SOURCES)
        raise InputError(f"There is no file or folder {data}, and no data set of that name.")
    if checksum is not None and file_checksum(place) != checksum:
        raise InputError(
            f"{data} has changed since the study began: put the file back as it was, or begin "
            "anew with --overwrite."
        )


def file_checksum(place: Path) -> str:
    """Of a file's bytes; of a folder, the names, sizes and bytes of all files in it."""
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    known = [(str(file), file.stat()) for file in files if file.is_file()]
    return _checksum(place, tuple((name, of.st_size, of.st_mtime_ns) for name, of in known))


@lru_cache(maxsize=8)
def _checksum(place: Path, stamp: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, size, _ in stamp:
        file = Path(name)
        digest.update(f"{file.relative_to(place).as_posix()}\0{size}\0".encode())
        with file.open("rb") as held:
            while block := held.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def check_one_deal(
    values: Mapping[str, Any], split_options: tuple[str, ...], *, named: bool = False
) -> None:
    """Samples belong to the clients that are named, or are dealt by a split, not both.

    named: whether somebody named the clients in another way than by `client_column`.

    Raises:
        InputError: both are asked for.
    """
    if values.get("client_column") is None and not named:
        return
    chosen = [name for name in split_options if values.get(name) is not None]
    if values.get("split") not in (None, "natural"):
        chosen = ["split"]
    elif values.get("split") is None and values.get("clients") is not None:
        chosen = ["clients"]
    if chosen:
        column = values.get("client_column") or "client"
        raise two_deals(f"{chosen[0]} = {values[chosen[0]]!r}", column)


def two_deals(wish: str, column: str) -> InputError:
    """Samples that say whose they are, which a split would deal anew."""
    return InputError(
        f"{wish} beside samples whose clients are named: say how samples are dealt once, by their "
        f"clients (then leave it out; split = natural with clients = N takes N of them), or by a "
        f"split (then drop = {column!r} in place of naming them)."
    )


def with_defaults(values: Mapping[str, Any], split_options: tuple[str, ...]) -> dict[str, Any]:
    """Settings of a study with what follows from the data where nothing else was said.

    Samples whose client is known stay with it, and then all clients train.

    Raises:
        InputError: how files are read is said of a named data set.
    """
    values = dict(values)
    data = str(values.get("data", ""))
    source = source_named(data)
    said = [name for name in FILE_SETTINGS if values.get(name) not in (None, {}, (), [], "auto")]
    if source is not None and said:
        raise InputError(
            f"--{said[0].replace('_', '-')} is for your own files; how {data!r} is dealt to "
            "clients is said with --split."
        )
    dealt = any(values.get(name) is not None for name in ("split", "clients", *split_options))
    if source is not None and source.natural and not dealt:
        values["split"] = "natural"
    if (data == OWN or is_file(data)) and takes_tokens(str(values.get("model", ""))):
        values.setdefault("scale", "none")
    if is_file(data):
        check_one_deal(values, split_options)
        if not dealt:
            values["split"] = "natural"
            values.setdefault("new_clients", 0.0)
        values["data"] = str(Path(data).resolve())
        values.setdefault("checksum", file_checksum(Path(data)))
    return values
