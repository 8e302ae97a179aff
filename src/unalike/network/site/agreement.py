"""Whether the people of a site have agreed to a study: a restart does not ask them again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from unalike.network.processes.private_folder import make_private_folder
from unalike.network.protocol.study_summary import StudySummary

FILE = "agreed"


def has_agreed(folder: Path, study: StudySummary | None) -> bool:
    """Whether it was this very study, in this state folder."""
    path = folder / FILE
    return path.exists() and path.read_text("ascii").strip() == _digest(study)


def remember_agreement(folder: Path, study: StudySummary | None) -> None:
    """For the next start."""
    make_private_folder(folder)
    (folder / FILE).write_text(_digest(study), "ascii")


def _digest(study: StudySummary | None) -> str:
    text = "" if study is None else study.model_dump_json()
    return hashlib.sha256(text.encode()).hexdigest()
