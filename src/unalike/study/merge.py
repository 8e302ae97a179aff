"""Parts of one study, done in folders of their own, put together."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from unalike.errors import InputError

from .client_columns import PREFIX
from .files import replacement
from .keep import WHEN
from .settings import Study, read_study
from .store import RunStore
from .study_folder import STUDY, require_same

_FILES = (
    "checkpoint.previous.safetensors",
    "checkpoint.safetensors",
    *(f"model.{when}.safetensors" for when in WHEN),
    "metrics.jsonl",
)


def open_study(folder: str | Path) -> Study:
    """The study that a folder holds.

    Raises:
        InputError: it holds none, or one that cannot be read.
    """
    path = Path(folder) / STUDY
    if not path.exists():
        raise InputError(f"{folder} holds no study (there is no {path}).")
    return read_study(path)


def merge_folders(folder: Path, others: Sequence[Path]) -> list[str]:
    """Add to the study in this folder what other folders hold of it; what was added, in sentences.

    A run is taken over where it has come further. The other folders stay as they are.

    Raises:
        InputError: a folder holds no study, or another one; nothing is added then.
    """
    study = open_study(folder)
    for other in others:
        require_same(study, open_study(other), other)
    said = []
    for other in others:
        runs = [
            (label, seed)
            for label in study.labels()
            for seed in range(study.seeds)
            if _take_over(Path("runs") / label / f"seed-{seed}", other, folder)
        ]
        if runs:
            said.append(f"{len(runs)} runs of {other} were added to {folder}.")
    return said


def _take_over(run: Path, source: Path, target: Path) -> bool:
    theirs, ours = RunStore(source / run), RunStore(target / run)
    if len(theirs.records()) <= len(ours.records()):
        return False
    with ours.locked():
        columns = sorted(path.name for path in (source / run).glob(f"{PREFIX}*.safetensors"))
        for name in (*columns, *_FILES):
            if (source / run / name).exists():
                with replacement(target / run / name) as beside:
                    shutil.copyfile(source / run / name, beside)
    return True
