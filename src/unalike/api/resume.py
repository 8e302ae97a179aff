"""Continuing a study where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from unalike.core import Problem
from unalike.data.federation import Federation
from unalike.errors import InputError
from unalike.study.backends import workers
from unalike.study.inputs import UserInputs, deal_study, problem_from_module
from unalike.study.merge import merge_folders, open_study
from unalike.study.roster import read_sites
from unalike.study.shard import parse_shard
from unalike.study.training import ProgressCallback, ProgressEvent

from .studies import (
    Result,
    federations_of,
    finish_study,
    require_inputs,
    unfinished,
    with_remote_clients,
)


def resume(
    folder: str | Path,
    *others: str | Path,
    data: Federation | None = None,
    model: nn.Module | Problem | None = None,
    loss: Any = None,
    shard: str | None = None,
    jobs: int | None = None,
    backend: str | None = None,
    tell: ProgressCallback = lambda _: None,
) -> Result:
    """Continue a study where it stopped; a finished one is only read.

    A study of your own federation or model needs them again, as `data` and `model`.

    others: folders that hold other parts of the study; their runs are added to the first folder.
    shard, jobs, backend: as in `compare`.

    Raises:
        InputError: one sentence says what to change.
    """
    part = parse_shard(shard)
    for sentence in merge_folders(Path(folder), [Path(other) for other in others]):
        tell(ProgressEvent("", 0, 0, remark=sentence))
    study = open_study(folder)
    remote = read_sites(Path(folder)) is not None
    if remote and unfinished(study, Path(folder)):
        raise InputError(
            f"The sites of the study in {folder} are on other machines: continue it with "
            f"'unalike serve {folder}'."
        )
    problem = model if isinstance(model, Problem) else None
    if isinstance(model, nn.Module):
        if data is None and study.data == "own":
            require_inputs(study, Path(folder), UserInputs())
        problem = problem_from_module(model, data or deal_study(study, 0), study, loss)
    inputs = with_remote_clients(Path(folder), UserInputs(data, problem))
    require_inputs(study, Path(folder), inputs)
    federations = federations_of(study, inputs)
    with workers(backend, jobs) as found:
        return finish_study(
            study, Path(folder), inputs, federations, tell, jobs=found.count, shard=part
        )
