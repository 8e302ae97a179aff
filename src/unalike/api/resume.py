"""Continuing a study where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from unalike.core import Problem
from unalike.data.federation import Federation
from unalike.errors import InputError
from unalike.study.inputs import UserInputs, deal_study, problem_from_module
from unalike.study.jobs import ProgressCallback
from unalike.study.roster import read_sites

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
    data: Federation | None = None,
    model: nn.Module | Problem | None = None,
    loss: Any = None,
    output: str | int | None = None,
    jobs: int = 1,
    tell: ProgressCallback = lambda _: None,
) -> Result:
    """Continue a study where it stopped; a finished one is only read.

    A study of your own federation or model needs them again, as `data` and `model`, with
    its `loss` and `output`.
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
    problem = model if isinstance(model, Problem) else None
    if isinstance(model, nn.Module):
        problem = problem_from_module(model, data or deal_study(study, 0), study, loss, output)
    inputs = with_remote_clients(Path(folder), UserInputs(data, problem))
    return finish_study(study, Path(folder), inputs, federations_of(study, inputs), jobs, tell)
