"""Where the files of a data set lie: a folder of the user's, or a cache filled on demand."""

import os
from pathlib import Path

import pooch
from tqdm import tqdm  # type: ignore[import-untyped]

from unalike.errors import InputError

from .source import RemoteFile

VARIABLE = "UNALIKE_DATA"


def present(file: RemoteFile, data_dir: str | os.PathLike[str] | None) -> bool:
    """Whether the file lies in the data folder or in the cache; its checksum is not looked at."""
    return _in_folder(file, data_dir) is not None or _in_cache(file).is_file()


def locate(file: RemoteFile, data_dir: str | os.PathLike[str] | None) -> Path:
    """The path of the file, fetched if need be, its checksum verified.

    Looked for in `data_dir` (else in the folder that the variable UNALIKE_DATA names), there in
    the set's own sub-folder and then at the top, and after that in the cache, into which it is
    downloaded. A download reaches its final name only when its checksum is right.

    Raises:
        InputError: the folder does not exist, the file is damaged, or it cannot be had.
    """
    found = _in_folder(file, data_dir)
    if found is not None:
        if not _intact(found, file):
            raise InputError(
                f"The file {found} is damaged, cut short or another one: its checksum should be "
                f"{file.hash}; replace it, or put the right one into "
                f"{_folder(data_dir)}/{file.subfolder}/."
            )
        return found
    return _fetch(file)


def _folder(data_dir: str | os.PathLike[str] | None) -> Path | None:
    given = data_dir if data_dir is not None else os.environ.get(VARIABLE)
    if not given:
        return None
    folder = Path(given).expanduser()
    if not folder.is_dir():
        origin = "--data-dir" if data_dir is not None else VARIABLE
        raise InputError(f"The data folder {folder} (from {origin}) does not exist.")
    return folder


def _in_folder(file: RemoteFile, data_dir: str | os.PathLike[str] | None) -> Path | None:
    folder = _folder(data_dir)
    if folder is None:
        return None
    for path in (folder / file.subfolder / file.name, folder / file.name):
        if path.is_file():
            return path
    return None


def _intact(path: Path, file: RemoteFile) -> bool:
    algorithm, _, checksum = file.hash.partition(":")
    return bool(pooch.file_hash(str(path), alg=algorithm) == checksum)


def _cache() -> Path:
    return Path(pooch.os_cache("unalike"))


def _in_cache(file: RemoteFile) -> Path:
    return _cache() / file.subfolder / file.name


def _fetch(file: RemoteFile) -> Path:
    by_hand = (
        f"put {file.name} (checksum {file.hash}) into a folder {file.subfolder}/ and give the "
        f"folder above it with --data-dir or {VARIABLE}."
    )
    if file.url is None:
        raise InputError(f"The file {file.name} is not here and has no public address: {by_hand}")
    target = _in_cache(file)
    if target.is_file() and _intact(target, file):
        return target
    try:
        with tqdm(desc=file.name, total=1, unit="B", unit_scale=True, disable=None) as bar:
            pooch.retrieve(
                file.url,
                known_hash=file.hash,
                fname=file.name,
                path=target.parent,
                downloader=pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16),
            )
    except OSError as error:
        raise InputError(
            f"The file {file.name} is not here and could not be downloaded from {file.url} "
            f"({type(error).__name__}): connect to the network, or {by_hand}"
        ) from error
    except ValueError as error:
        raise InputError(
            f"The file {file.name} came damaged or cut short from {file.url}: its checksum should "
            f"be {file.hash}; nothing was kept, try again, or {by_hand}"
        ) from error
    return target
