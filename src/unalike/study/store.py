"""A run on disk: it can be killed at any instant and goes on from its last checkpoint.

    study.toml               the study as resolved
    environment.json         versions and machine
    runs/<method>/seed-<k>/
        metrics.jsonl        one line a round, flushed
        checkpoint.safetensors, checkpoint.previous.safetensors
                             server and client states, each with its round and a digest

Files are written beside and renamed. A checkpoint is skipped while writing them would take more
than a twentieth of the time; the rounds in between are done again, to the same numbers.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from unalike.errors import InputError
from unalike.functional.trees import items, rebuild


class Checkpoint(NamedTuple):
    """Where a run stands."""

    t: int  # the last round done
    server: Any
    clients: Any
    plan: str


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
        folder.mkdir(parents=True, exist_ok=True)

    def records(self) -> list[dict[str, Any]]:
        """The sound lines of the metrics file, in order of rounds."""
        return self._read_metrics()[0]

    def append(self, record: dict[str, Any]) -> None:
        """Add a round's line and flush it."""
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, allow_nan=True) + "\n")
            file.flush()

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

    def checkpoint(self, saved: Checkpoint, *, force: bool = False) -> None:
        """Save where the run stands, unless that was just done at a high price."""
        now = time.monotonic()
        if not force and now - self._written < 20 * self._cost:
            return
        tensors = {f"server.{name}": leaf for name, leaf in items(saved.server)}
        tensors |= {f"clients.{name}": leaf for name, leaf in items(saved.clients)}
        beside = self.folder / "checkpoint.writing"
        write_tensors(beside, tensors, {"round": str(saved.t), "plan": saved.plan})
        if self._latest.exists():
            os.replace(self._latest, self._previous)
        os.replace(beside, self._latest)
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


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """Tensors and what is said of them, with a digest of the tensors."""
    tensors = {name: leaf.detach().cpu().contiguous() for name, leaf in tensors.items()}
    save_file(tensors, path, metadata={**about, "digest": _digest(tensors)})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """What `write_tensors` wrote; None where the file is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return (tensors, about) if _digest(tensors) == about["digest"] else None
    except (SafetensorError, OSError, KeyError, TypeError):
        return None


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside and rename, so that a reader sees the old file or the new one."""
    beside = path.with_name(path.name + ".writing")
    beside.write_bytes(content)
    os.replace(beside, path)


def prepare_folder(folder: Path, *, overwrite: bool) -> None:
    """Make the folder of a new study; an old study is kept unless `overwrite`."""
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; give --out a folder.")
        if folder.exists() and any(folder.iterdir()):
            study = folder / "study.toml"
            if not study.exists():
                raise InputError(f"{folder} is not empty and holds no study; give --out another.")
            if not overwrite:
                raise InputError(
                    f"{folder} already holds a study: continue it with 'unalike resume {folder}', "
                    "give --out another folder, or --overwrite it."
                )
            _clear(folder)
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from None


def _clear(folder: Path) -> None:
    """Remove what a study left in its folder, and nothing else."""
    for name in ("study.toml", "environment.json", "truth.csv", "summary.csv", "report.html"):
        (folder / name).unlink(missing_ok=True)
    runs = folder / "runs"
    for path in sorted(runs.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.name.startswith(("metrics.jsonl", "checkpoint.")):
            path.unlink()


def strip_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with `prefix`, which is taken off."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        flat = tensors[name].contiguous().reshape(-1)
        digest.update(f"{name}{tuple(tensors[name].shape)}{flat.dtype}".encode())
        if flat.numel():
            digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
