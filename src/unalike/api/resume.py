"""Continuing a study where it stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from unalike.core import Problem
from unalike.data.federation import Federation
from unalike.errors import InputError
from unalike.study.inputs import UserInputs, federation_for, problem_from_module
from unalike.study.jobs import ProgressCallback
from unalike.study.roster import read_sites

from .data_argument import resolve_data
from .studies import (
    Result,
    federations_of,
    finish_study,
    open_study,
    unfinished,
    with_remote_clients,
)


def resume(
    folder: str | Path,
    *,
    data: Any = None,
    client: Any = None,
    label: Any = None,
    model: nn.Module | Problem | None = None,
    loss: Any = None,
    output: str | int | None = None,
    jobs: int = 1,
    tell: ProgressCallback = lambda _: None,
) -> Result:
    """Continue a study where it stopped; a finished one is only read.

    A study of data or a model from Python needs them again, as `data` (with `client` and `label`
    where they were given) and `model`, with its `loss` and `output`. A study of a file knows its
    path, columns and checksum.
    """
    study = open_study(folder)
    remote = read_sites(Path(folder)) is not None
    if remote and unfinished(study, Path(folder)):
        raise InputError(
            f"The sites of the study in {folder} are on other machines: continue it with "
            f"'unalike serve {folder}'."
        )
    own_data = study.data == "own" and not remote
    if (own_data and data is None) or (study.model == "own" and model is None):
        raise InputError(
            f"The study in {folder} used data or a model given from Python: continue it there "
            "with unalike.resume(folder, data=..., model=...)."
        )
    inputs = UserInputs()
    if isinstance(data, Federation):
        inputs = UserInputs(federation=data)
    elif data is not None and own_data:
        inputs = resolve_data(data, study.model_dump(), client=client, label=label)[1]
    if isinstance(model, Problem):
        inputs = replace(inputs, problem=model)
    elif isinstance(model, nn.Module):
        some = federation_for(study, inputs, 0)
        problem = problem_from_module(model, some, study, loss, output)
        inputs = replace(inputs, problem=problem)
    inputs = with_remote_clients(Path(folder), inputs)
    return finish_study(study, Path(folder), inputs, federations_of(study, inputs), jobs, tell)
