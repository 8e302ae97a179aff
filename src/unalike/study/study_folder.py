"""The folder of a study: made once, by whoever comes first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from unalike.errors import InputError

from .client_columns import PREFIX
from .files import WRITING, refusals_as_sentences, write_once
from .folder_lock import LOCK, lock_folder
from .settings import Study, read_study

STUDY = "study.toml"
LOCK_SECONDS = 60.0
"""How long a process waits for another that begins the same study, or writes its summary."""

_OURS = (STUDY, "environment.json", "truth.csv", "tuning.json", "summary.csv", "report.html", LOCK)

_OF_A_RUN = ("metrics.jsonl", "checkpoint.", "model.", "progress.jsonl", PREFIX, LOCK, "stop")


def begin_study(
    study: Study,
    folder: Path,
    environment: Mapping[str, str],
    *,
    overwrite: bool = False,
    shared: bool = False,
) -> None:
    """Make the folder of a new study and write down what it is.

    shared: others do parts of the same study, so a folder that holds it already is joined.

    Raises:
        InputError: the folder cannot be written, or holds something else; that is kept.
    """
    prepare_folder(folder, overwrite=overwrite, shared=shared)
    with lock_folder(folder, LOCK_SECONDS):
        if write_once(folder / STUDY, study.as_text().encode()):
            about = json.dumps(dict(environment), indent=2)
            write_once(folder / "environment.json", about.encode())
        elif shared:
            require_same(study, read_study(folder / STUDY), folder)
        else:
            raise _taken(folder)


def require_same(study: Study, other: Study, folder: Path) -> None:
    """Whether a folder holds a part of this study.

    Raises:
        InputError: it holds another; the sentence names the first setting that differs.
    """
    ours, theirs = study.as_toml(), other.as_toml()
    for name in dict.fromkeys([*ours, *theirs]):
        if ours.get(name) != theirs.get(name):
            raise InputError(
                f"{folder} holds another study: there {name} = {theirs.get(name)!r}, here "
                f"{ours.get(name)!r}. The parts of a study have all settings in common; give "
                "--out another folder."
            )


def prepare_folder(folder: Path, *, overwrite: bool, shared: bool = False) -> None:
    """Make the folder of a new study; an old study is kept unless `overwrite`.

    shared: a folder that holds a study is left as it is, for whoever does another part of it.

    Raises:
        InputError: the folder cannot be written, or holds something else.
    """
    with refusals_as_sentences(folder):
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; give --out a folder.")
        if folder.exists() and not _is_ready(folder, shared=shared):
            if not (folder / STUDY).exists():
                raise InputError(f"{folder} is not empty and holds no study; give --out another.")
            if not overwrite:
                raise _taken(folder)
            _clear(folder)
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)


def _is_ready(folder: Path, *, shared: bool) -> bool:
    """Whether nothing lies in the folder, or a study that may be joined."""
    names = {path.name for path in folder.iterdir() if not path.name.endswith(WRITING)}
    left = names - {LOCK, ".writable"}
    return not left or (shared and (folder / STUDY).exists())


def _taken(folder: Path) -> InputError:
    return InputError(
        f"{folder} already holds a study: continue it with 'unalike resume {folder}', "
        "give --out another folder, or --overwrite it."
    )


def _clear(folder: Path) -> None:
    """Remove what a study left in its folder, and nothing else.

    Raises:
        FolderInUseError: a process still does one of its runs.
    """
    for runs in ("runs", "tuning/*/runs"):
        for lock in folder.glob(f"{runs}/*/*/{LOCK}"):
            with lock_folder(lock.parent):
                pass
    for name in _OURS:
        (folder / name).unlink(missing_ok=True)
    for path in folder.glob("inputs-*.pickle"):
        path.unlink(missing_ok=True)
    for path in folder.glob("tensorboard/*/*/events.out.tfevents.*"):
        path.unlink()
    for settings in folder.glob("tuning/trial-*/*.json"):
        settings.unlink()
    for home in (folder / "runs", folder / "tuning"):
        for path in sorted(home.rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.name.startswith(_OF_A_RUN):
                path.unlink()
        if home.is_dir() and not any(home.iterdir()):
            home.rmdir()
