"""The baseline hazards that models of relative risks are kept with, from training samples alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.engines.local import LocalEngine
from unalike.engines.personal_prediction import OwnModels
from unalike.engines.prediction import Lookup
from unalike.engines.predictions import Predictions
from unalike.functional.trees import map_tree
from unalike.measures.baseline_hazard import BaselineHazard
from unalike.tasks import Task


def own_hazards(
    engine: LocalEngine, personal: Iterable[OwnModels], rows: NDArray[np.int64]
) -> tuple[BaselineHazard, ...]:
    """Of the own models of the clients in these rows; none where outputs are no risks."""
    task = engine.federation.task
    if not task.relative_risk:
        return ()
    found: dict[int, BaselineHazard] = {}
    for clients, models in personal:
        count = len(clients)
        each = map_tree(lambda leaf, n=count: leaf.expand(n, *leaf.shape[1:]), models)
        hazards = _hazards(task, engine.predict(each, rows[clients], "train"))
        found.update(zip(clients.tolist(), hazards, strict=True))
    return tuple(found[client] for client in range(len(found)))


def shared_hazard(engine: LocalEngine, shared: Any) -> tuple[BaselineHazard, ...]:
    """Of the one model, from all clients' training samples; none without risks or such a model."""
    if shared is None or not engine.federation.task.relative_risk:
        return ()
    samples = _together(engine.federation.train.of_rows(engine.rows))
    return _hazards(engine.federation.task, engine.predict_shared(shared, Lookup("train", samples)))


def hazard_bytes(federation: Federation) -> tuple[int, int]:
    """What the hazards of the one model, and of all clients' own models, take in a file."""
    task = federation.task
    if not task.relative_risk:
        return 0, 0
    lists = federation.train.of_rows(np.flatnonzero(~federation.newcomers))

    def size(samples: Ragged) -> int:
        y = federation.y[torch.from_numpy(samples.values)]
        none = Predictions(torch.zeros(len(y)), torch.zeros(len(y)), y, samples.sizes)
        return sum(leaf.nbytes for leaf in hazard_tensors(_hazards(task, none)).values())

    return size(_together(lists)), size(lists)


def hazard_tensors(hazards: tuple[BaselineHazard, ...]) -> dict[str, Tensor]:
    """Hazards as they stand in a file: one after the other, and how many steps each has."""
    return {
        "times": torch.from_numpy(np.concatenate([one.times for one in hazards])),
        "log_hazard": torch.from_numpy(np.concatenate([one.log_hazard for one in hazards])),
        "steps": torch.tensor([len(one.times) for one in hazards]),
        "last": torch.tensor([one.last for one in hazards], dtype=torch.float64),
    }


def hazard_at(tensors: dict[str, Tensor], row: int) -> BaselineHazard:
    """The hazard in this row of `hazard_tensors`."""
    ends = tensors["steps"].cumsum(0).tolist()
    held = slice(ends[row] - int(tensors["steps"][row]), ends[row])
    return BaselineHazard(
        tensors["times"][held].numpy(),
        tensors["log_hazard"][held].numpy(),
        float(tensors["last"][row]),
    )


def _together(lists: Ragged) -> Ragged:
    return Ragged.of(lists.values, np.asarray([len(lists.values)]))


def _hazards(task: Task, found: Predictions) -> tuple[BaselineHazard, ...]:
    """From the outputs for each group of samples."""
    output, truth = (values.detach().cpu().numpy() for values in (found.output, found.truth))
    ends = np.cumsum(found.sizes)
    return tuple(
        task.baseline_hazard(output[end - size : end], truth[end - size : end])
        for end, size in zip(ends, found.sizes, strict=True)
    )
