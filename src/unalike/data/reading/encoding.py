"""From bytes to text: what a file is compressed with, and in which encoding it was written."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

from unalike.errors import InputError

PACKED = (".gz", ".zst", ".bz2", ".xz")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_bytes(place: Path) -> bytes:
    """A file's bytes, unpacked where its name says that it is packed.

    Raises:
        InputError: it cannot be read, or needs a package that is not there.
    """
    suffix = place.suffix.lower()
    try:
        raw = place.read_bytes()
        if suffix == ".gz":
            return gzip.decompress(raw)
        if suffix == ".bz2":
            return bz2.decompress(raw)
        if suffix == ".xz":
            return lzma.decompress(raw)
        return _zstd(place, raw) if suffix == ".zst" else raw
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{place} cannot be read: {error}") from None


def _zstd(place: Path, raw: bytes) -> bytes:
    try:
        zstandard: Any = import_module("zstandard")
    except ImportError:
        raise InputError(
            f"Reading {place} needs zstandard: pip install 'unalike[files]', or unpack it first."
        ) from None
    try:
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)) as stream:
            return bytes(stream.read())
    except zstandard.ZstdError as error:
        raise InputError(f"{place} cannot be read: {error}") from None


def decoded(raw: bytes, place: Path) -> tuple[str, list[str]]:
    """The text of a file, and what must be said of its encoding.

    UTF-8, or what a mark at the beginning says; anything else as Western European.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _with_mark(raw, encoding, place), []
    try:
        return raw.decode("utf-8"), []
    except UnicodeDecodeError:
        pass
    if b"\0" in raw[:4096]:
        raise InputError(f"{place} is no text file: save it as CSV with UTF-8.")
    note = (
        f"{place.name} is not written in UTF-8: read as Western European (Windows-1252); check "
        "names with accents."
    )
    try:
        return raw.decode("cp1252"), [note]
    except UnicodeDecodeError:
        return raw.decode("latin-1"), [note]


def _with_mark(raw: bytes, encoding: str, place: Path) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise InputError(
            f"{place} begins as {encoding} but is not: save it as CSV with UTF-8."
        ) from None
