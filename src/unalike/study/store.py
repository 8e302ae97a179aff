"""A run on disk: it can be killed at any instant and goes on from its last checkpoint.

    study.toml               the study as resolved
    environment.json         versions and machine
    runs/<method>/seed-<k>/
        metrics.jsonl        one line a round, flushed
        clients.<round>.*.safetensors
                             values of each of very many clients; see client_columns.py
        checkpoint.safetensors, checkpoint.previous.safetensors
                             server and client states, each with its round and a digest
        model.best.safetensors, model.last.safetensors
                             what clients predict with; see kept_models.py
        progress.jsonl       what a worker has to say, while there is one; see progress_file.py
        stop                 asks that worker to end

Files are written beside and renamed. A checkpoint is skipped while writing them would take more
than a twentieth of the time; the rounds in between are done again, to the same numbers.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from unalike.functional.trees import items, rebuild

from .client_columns import from_files, with_files
from .files import (
    WRITING,
    append_line,
    read_tensors,
    refusals_as_sentences,
    write_atomically,
    write_tensors,
)
from .folder_lock import lock_folder

LOCK_SECONDS = 10.0
"""How long a run waits for a process that is about to end."""


class Checkpoint(NamedTuple):
    """Where a run stands."""

    t: int  # the last round done
    server: Any
    clients: Any
    plan: str
    precision: str = "float32"  # in which clients trained


class RunStore:
    """One method, one seed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remarks: list[str] = []
        self._metrics = folder / "metrics.jsonl"
        self._latest = folder / "checkpoint.safetensors"
        self._previous = folder / "checkpoint.previous.safetensors"
        self._cost = 0.0
        self._written = float("-inf")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the run to this process, and remove what a killed one left half written.

        Raises:
            FolderInUseError: another process does this run.
            InputError: the folder cannot be written.
        """
        with lock_folder(self.folder, LOCK_SECONDS):
            for path in self.folder.glob(f"*{WRITING}"):
                path.unlink(missing_ok=True)
            yield

    def records(self) -> list[dict[str, Any]]:
        """The sound lines of the metrics file, in order of rounds."""
        return [from_files(record, self.folder) for record in self._read_metrics()[0]]

    def append(self, record: dict[str, Any]) -> None:
        """Add a round's line and flush it."""
        line = with_files(record, self.folder)
        append_line(self._metrics, json.dumps(line, allow_nan=True))

    def truncate(self, t: int) -> None:
        """Forget the rounds after t, which will be done again, and every damaged line."""
        sound, damaged = self._read_metrics()
        if damaged:
            self.remarks.append(
                f"{self._metrics} is damaged after round {sound[-1]['round'] if sound else 0}; "
                "the rounds before are used and the rest is done again."
            )
        kept = [record for record in sound if record["round"] <= t]
        text = "".join(json.dumps(record, allow_nan=True) + "\n" for record in kept)
        write_atomically(self._metrics, text.encode())

    @property
    def due(self) -> bool:
        """Whether a checkpoint is worth its price now, or was just written at a high one."""
        return time.monotonic() - self._written >= 20 * self._cost

    def checkpoint(self, saved: Checkpoint) -> None:
        """Save where the run stands."""
        now = time.monotonic()
        tensors = {f"server.{name}": leaf for name, leaf in items(saved.server)}
        tensors |= {f"clients.{name}": leaf for name, leaf in items(saved.clients)}
        following = self.folder / f"checkpoint.following{WRITING}"
        about = {"round": str(saved.t), "plan": saved.plan, "precision": saved.precision}
        write_tensors(following, tensors, about)
        with refusals_as_sentences(self._latest):
            if self._latest.exists():
                os.replace(self._latest, self._previous)
            os.replace(following, self._latest)
        self._written = time.monotonic()
        self._cost = self._written - now

    def load(self, server: Any, clients: Any) -> Checkpoint | None:
        """The last sound checkpoint, shaped like these states; None where there is none.

        It never lies beyond the sound part of the metrics, so that no round goes missing.
        """
        known = self.records()
        reached = known[-1]["round"] if known else 0
        for path in (self._latest, self._previous):
            if not path.exists():
                continue
            saved = self._load(path, server, clients)
            if saved is None:
                self.remarks.append(f"{path} is damaged and is not used.")
            elif saved.t <= reached:
                return saved
        return None

    def _load(self, path: Path, server: Any, clients: Any) -> Checkpoint | None:
        found = read_tensors(path)
        if found is None:
            return None
        tensors, about = found
        try:
            return Checkpoint(
                int(about["round"]),
                rebuild(server, strip_prefix(tensors, "server.")),
                rebuild(clients, strip_prefix(tensors, "clients.")),
                about["plan"],
                about.get("precision", "float32"),
            )
        except (KeyError, ValueError):
            return None

    def _read_metrics(self) -> tuple[list[dict[str, Any]], bool]:
        if not self._metrics.exists():
            return [], False
        sound: list[dict[str, Any]] = []
        for line in self._metrics.read_bytes().split(b"\n"):
            if not line:
                continue
            try:
                record = json.loads(line)
                in_order = record["round"] == len(sound) + 1
            except (ValueError, KeyError, TypeError):
                return sound, True
            if not in_order:
                return sound, True
            sound.append(record)
        return sound, False


def strip_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with `prefix`, which is taken off."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
