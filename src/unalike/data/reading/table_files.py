"""Tables in files of their own types: parquet, feather and Arrow."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from unalike.data.preprocessing.table import Table
from unalike.errors import InputError

from .frames import frame_table, from_arrow

TYPED = (".parquet", ".pq", ".feather", ".arrow", ".ipc")


def read_typed_table(place: Path, *, keep_index: str = "") -> tuple[Table, list[str]]:
    """The table of a parquet, feather or Arrow file; its columns keep their types.

    Raises:
        InputError: it cannot be read, or pyarrow is not there.
    """
    try:
        pyarrow: Any = import_module("pyarrow")
        for room in ("parquet", "feather", "ipc"):
            import_module(f"pyarrow.{room}")
    except ImportError:
        raise InputError(
            f"Reading {place} needs pyarrow: pip install 'unalike[parquet]', or save the table as "
            "csv."
        ) from None
    try:
        frame = from_arrow(_arrow(pyarrow, place))
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{place} cannot be read: {first}") from None
    return frame_table(frame, keep_index=keep_index)


def _arrow(pyarrow: Any, place: Path) -> Any:
    suffix = place.suffix.lower()
    if suffix in (".parquet", ".pq"):
        return pyarrow.parquet.ParquetFile(place).read()
    if suffix == ".feather":
        return pyarrow.feather.read_table(place)
    with pyarrow.OSFile(str(place), "rb") as file:
        try:
            return pyarrow.ipc.open_file(file).read_all()
        except pyarrow.ArrowInvalid:
            file.seek(0)
            return pyarrow.ipc.open_stream(file).read_all()
