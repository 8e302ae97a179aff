"""How large the models will be that a study keeps, and what is done where they are too large."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unalike.core import Method, Problem
from unalike.data.federation import Federation
from unalike.errors import InputError
from unalike.functional.trees import items, map_tree, size_in_bytes

from .baseline_hazards import hazard_bytes
from .keep import NONE, SHARED, WHEN
from .run import engine_for, method_of_run
from .settings import Study

MOST_BYTES = 20_000_000_000
MOST_SHARE = 0.25
"""Of the free disk: beyond either, clients' own models are not kept."""


class KeptSize(NamedTuple):
    """Bytes that a run's models take at most after one round."""

    shared: int  # what clients have in common, and what a newcomer needs
    clients: int  # what each client has for itself, of all of them


def with_kept_models(
    study: Study,
    folder: Path,
    federation: Federation,
    problem: Problem,
    say: Callable[[str], None],
) -> Study:
    """The study with as many models kept as there is room for; says how large they will be."""
    words = study.keep.split(",")
    if NONE in words or SHARED in words:
        return study
    rounds = len(set(words) & set(WHEN)) * study.seeds
    sizes = [
        kept_size(study, method_of_run(study, label, federation, problem), problem, federation)
        for label in study.labels()
    ]
    shared = rounds * sum(size.shared for size in sizes)
    clients = rounds * sum(size.clients for size in sizes)
    limit = min(MOST_BYTES, MOST_SHARE * shutil.disk_usage(_existing(folder)).free)
    if shared + clients <= limit:
        say(f"Kept models take up to {readable(shared + clients)} (keep = {study.keep}).")
        return study
    say(
        f"Clients' own models would take up to {readable(clients)}, more than the "
        f"{readable(int(limit))} that are kept here: only what clients have in common is kept, up "
        f"to {readable(shared)}. Fewer methods, seeds or clients, or keep = last, take less."
    )
    return study.model_copy(update={"keep": f"{study.keep},{SHARED}"})


def kept_size(study: Study, method: Method, problem: Problem, federation: Federation) -> KeptSize:
    """Tried with the two smallest clients, from states that differ: what then still is the same for
    both is the same for all."""
    training = int((~federation.newcomers).sum())
    hazard, hazards = hazard_bytes(federation)
    w = problem.init()
    try:
        engine = engine_for(method, problem, _two_smallest(federation), study, 0, w)
        server = _noisy(engine.method.init_server(engine.problem, engine.w, engine.population))
        engine.restore(_noisy(engine.states))
        personal, shared = engine.personalise(1, server), engine.global_model(server)
    except InputError:  # the method wants more clients than two
        size = size_in_bytes(w)
        return KeptSize(3 * size + hazard, training * size + hazards)
    held = size_in_bytes(server)
    common, own = size_in_bytes(engine.start), 0
    common += max(size_in_bytes(engine.method.introduce(server)), held)  # it may grow as groups do
    common += 0 if shared is None else size_in_bytes(shared)
    for _, rows in items(personal):
        size = size_in_bytes(rows[0])
        if torch.equal(rows[0], rows[-1]) and len(rows) > 1:
            common += min(size * training, max(size, held))  # one of those that the server holds
        else:
            own += size * training
    return KeptSize(common + (0 if shared is None else hazard), own + hazards)


def readable(count: int) -> str:
    """A number of bytes for people."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _two_smallest(federation: Federation) -> Federation:
    sizes = np.where(federation.newcomers, 0, federation.train.sizes)
    held = np.flatnonzero(sizes)
    chosen = held[np.argsort(sizes[held], kind="stable")[:2]]
    newcomers = np.ones(federation.clients, dtype=bool)
    newcomers[chosen] = False
    return replace(federation, newcomers=newcomers)


def _noisy(tree: Any) -> Any:
    """The tree with other numbers in every place."""
    noise = torch.Generator().manual_seed(0)

    def moved(leaf: Tensor) -> Tensor:
        if not leaf.is_floating_point():
            return leaf
        return torch.randn(leaf.shape, generator=noise).to(leaf)

    return map_tree(moved, tree)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return place
