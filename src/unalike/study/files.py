"""Writing a study's files: whole or not at all, and one sentence where it cannot be done."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from unalike.errors import InputError

WRITING = ".writing"
"""How the names of files end that are not yet whole."""
CHECKSUM, EARLIER_CHECKSUM = "crc32", "digest"
"""What a file of tensors calls the checksum of these, and did while it was a slower one."""


class UnwritableError(InputError):
    """A file cannot be written; what was written before is kept."""


@contextlib.contextmanager
def refusals_as_sentences(path: Path) -> Iterator[None]:
    """Whatever the system refuses while this file is written becomes one sentence.

    Raises:
        UnwritableError: the disk is full, the folder may not be written to, or the like.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnwritableError(f"{path} cannot be written: {reason}.") from None


@contextlib.contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """A file beside this one, which takes its place when it is whole and is removed if it is not.

    A reader sees the old file or the new one. Several processes may write at once: the last wins.

    Raises:
        UnwritableError: it cannot be.
    """
    beside = path.with_name(f"{path.name}.{uuid.uuid4().hex}{WRITING}")
    try:
        with refusals_as_sentences(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield beside
            os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside and rename.

    Raises:
        UnwritableError: it cannot be.
    """
    with replacement(path) as beside:
        beside.write_bytes(content)


def write_once(path: Path, content: bytes) -> bool:
    """Write a file that is not there yet, whole or not at all; whether this process did.

    Raises:
        UnwritableError: it cannot be.
    """
    beside = path.with_name(f"{path.name}.{uuid.uuid4().hex}{WRITING}")
    try:
        with refusals_as_sentences(path):
            beside.write_bytes(content)
            try:
                os.link(beside, path)
            except FileExistsError:
                return False
            except OSError:  # a file system without hard links
                if path.exists():
                    return False
                os.replace(beside, path)
            return True
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Add a line and flush it; where that fails the file stays as it was.

    Raises:
        UnwritableError: it cannot be.
    """
    with refusals_as_sentences(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            before = file.tell()
            content = line.encode() + b"\n"
            try:
                while content:
                    content = content[file.write(content) :]
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(path, before)
                raise


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """Tensors and what is said of them, with a checksum of the tensors; whole or not at all.

    Raises:
        UnwritableError: it cannot be.
    """
    tensors = {name: leaf.detach().cpu().contiguous() for name, leaf in tensors.items()}
    with replacement(path) as beside:
        save_file(tensors, beside, metadata={**about, CHECKSUM: _checksum(tensors)})


def read_metadata(path: Path) -> dict[str, str] | None:
    """What `write_tensors` was told of the tensors, unchecked; None where it cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            found: dict[str, str] | None = file.metadata()
            return found
    except (SafetensorError, OSError):
        return None


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """What `write_tensors` wrote; None where the file is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        key, checksum = (
            (CHECKSUM, _checksum) if CHECKSUM in about else (EARLIER_CHECKSUM, _earlier_checksum)
        )
        return (tensors, about) if checksum(tensors) == about[key] else None
    except (SafetensorError, OSError, KeyError, TypeError):
        return None


def _checksum(tensors: dict[str, Tensor]) -> str:
    """The CRC-32 of all names, shapes, types and values."""
    found = 0
    for part in _bytes_of(tensors):
        found = zlib.crc32(part, found)
    return f"{found:08x}"


def _earlier_checksum(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in _bytes_of(tensors):
        digest.update(part)
    return digest.hexdigest()


def _bytes_of(tensors: dict[str, Tensor]) -> Iterator[bytes | memoryview]:
    for name in sorted(tensors):
        flat = tensors[name].contiguous().reshape(-1)
        yield f"{name}{tuple(tensors[name].shape)}{flat.dtype}".encode()
        if flat.numel():
            yield flat.view(torch.uint8).numpy().data
