"""What a run keeps of the models of its best and its last round, for those who predict with them.

    runs/<method>/seed-<k>/
        model.best.safetensors    after the round that validation chose
        model.last.safetensors    after the last one, where that is another

A file holds these trees, the leaves of each by name, and a `ModelDescription` in its header:

    clients     each training client's own model; rows that several clients have in common once
    places      for each leaf of `clients`, which row is whose [N]
    global      the one model for everybody, where there is one
    newcomer    what a client that never trained is sent
    start       the private state that it begins with

and of relative risks the baseline hazards, without which they say nothing of times:

    hazards     of each training client's own model
    hazard      of the one model for everybody
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from unalike.engines.personal_prediction import OwnModels
from unalike.errors import InputError
from unalike.functional.trees import items
from unalike.measures.baseline_hazard import BaselineHazard

from .baseline_hazards import hazard_at, hazard_tensors
from .distinct_rows import DistinctRows
from .files import read_metadata, read_tensors, write_tensors
from .keep import BEST, LAST, SHARED, WHEN
from .model_description import ModelDescription

HEADER = "unalike"
"""The entry of a file's metadata that holds its description."""


class RoundModels(NamedTuple):
    """What clients predict with after a round."""

    personal: Iterable[OwnModels] | None  # of all training clients; None where they keep it
    shared: Any  # the one model for everybody; None where there is none
    newcomer: Any  # what a client that never trained is sent
    start: Any  # the private state that it begins with
    hazards: tuple[BaselineHazard, ...] = ()  # [N] of risks that clients' own models tell
    hazard: tuple[BaselineHazard, ...] = ()  # of those that the one model tells


class KeptModels(NamedTuple):
    """A file's tensors by tree and leaf, and what they are."""

    trees: dict[str, dict[str, Tensor]]
    description: ModelDescription


class ModelWriter:
    """Keeps the models of a run's rounds, as far as the study's setting `keep` wants them."""

    def __init__(self, folder: Path, keep: str, run: ModelDescription) -> None:
        self._folder, self._keep, self._run = folder, keep.split(","), run

    def write(self, models: Callable[[], RoundModels], t: int, *, leads: bool, last: bool) -> None:
        """Keep the models of round t, which may lead on validation or be the last.

        models: makes them.

        Raises:
            UnwritableError: they cannot be written.
        """
        when = BEST if leads and BEST in self._keep else LAST if last and LAST in self._keep else ""
        if when:
            kept = models()
            if SHARED in self._keep:
                kept = kept._replace(personal=None, hazards=())
            about = self._run.model_copy(update={"round": t})
            write_models(model_file(self._folder, when), kept, about)

    def end(self, t: int, *, diverged: bool = False) -> None:
        """Nothing more will come after round t: for those who keep models elsewhere."""


def write_models(path: Path, models: RoundModels, description: ModelDescription) -> None:
    """Write what clients predict with after a round.

    Raises:
        UnwritableError: it cannot be written.
    """
    trees = _trees(models)
    names = {name: tuple(leaves) for name, leaves in trees.items()}
    about = description.model_copy(update={"trees": names})
    tensors = {
        f"{tree}.{name}": leaf for tree, leaves in trees.items() for name, leaf in leaves.items()
    }
    write_tensors(path, tensors, {HEADER: about.to_text()})


def model_file(folder: Path, when: str) -> Path:
    """Where a run keeps its models."""
    return folder / f"model.{when}.safetensors"


def kept_rounds(folder: Path) -> dict[Path, ModelDescription]:
    """What a run's files say of their models, without reading these.

    Raises:
        InputError: a file is damaged, or of another version.
    """
    paths = [model_file(folder, when) for when in WHEN]
    return {path: read_description(path) for path in paths if path.exists()}


def read_description(path: Path) -> ModelDescription:
    """What a file says of its models, without reading these.

    Raises:
        InputError: it is damaged, or of another version.
    """
    about = read_metadata(path)
    if about is None:
        raise _damaged(path)
    return ModelDescription.from_text(about.get(HEADER, ""), str(path))


def read_models(path: Path, description: ModelDescription) -> KeptModels:
    """The models in a run's file.

    Raises:
        InputError: it is damaged.
    """
    found = read_tensors(path)
    if found is None:
        raise _damaged(path)
    trees = {
        tree: {name: found[0][f"{tree}.{name}"] for name in names}
        for tree, names in description.trees.items()
    }
    return KeptModels(trees, description)


def _damaged(path: Path) -> InputError:
    return InputError(f"{path} is damaged: take it from a backup, or train anew.")


def client_model(kept: KeptModels, row: int) -> dict[str, Tensor]:
    """The leaves of the model of training client `row`."""
    places = kept.trees["places"]
    return {name: rows[int(places[name][row])] for name, rows in kept.trees["clients"].items()}


def kept_hazard(kept: KeptModels, row: int | None) -> BaselineHazard | None:
    """The baseline hazard of the model of training client `row`, or of everybody's."""
    tensors = kept.trees.get("hazard" if row is None else "hazards")
    return None if tensors is None else hazard_at(tensors, row or 0)


def _trees(models: RoundModels) -> dict[str, dict[str, Tensor]]:
    trees: dict[str, dict[str, Tensor]] = {}
    if models.personal is not None:
        distinct: dict[str, DistinctRows] = {}
        for clients, some in models.personal:
            for name, leaf in items(some):
                distinct.setdefault(name, DistinctRows()).add(clients, leaf)
        trees["clients"] = {name: found.rows for name, found in distinct.items()}
        trees["places"] = {name: found.places for name, found in distinct.items()}
    for tree, hazards in (("hazards", models.hazards), ("hazard", models.hazard)):
        if hazards:
            trees[tree] = hazard_tensors(hazards)
    parts = {"global": models.shared, "newcomer": models.newcomer, "start": models.start}
    return trees | {
        tree: {name: leaf.clone() for name, leaf in items(value)}  # a file shares no memory
        for tree, value in parts.items()
        if value is not None
    }
