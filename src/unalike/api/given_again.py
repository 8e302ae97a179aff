"""What a study was given from Python, given again to go on with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from unalike.core import Problem
from unalike.data.federation import Federation
from unalike.study.inputs import UserInputs, federation_for, problem_from_module
from unalike.study.roster import read_sites
from unalike.study.settings import Study

from .data_argument import resolve_data
from .studies import require_inputs, with_remote_clients


def inputs_given_again(
    study: Study,
    folder: Path,
    *,
    data: Any = None,
    client: Any = None,
    label: Any = None,
    model: nn.Module | Problem | None = None,
    loss: Any = None,
    output: str | int | None = None,
) -> UserInputs:
    """The data and the model of the study in this folder; arguments as in `compare`.

    Raises:
        InputError: the study was given something from Python that is missing here.
    """
    remote = read_sites(folder) is not None
    inputs = UserInputs()
    if isinstance(data, Federation):
        inputs = UserInputs(federation=data)
    elif data is not None and study.data == "own" and not remote:
        inputs = resolve_data(data, study.model_dump(), client=client, label=label, model=model)[1]
    inputs = with_remote_clients(folder, inputs)
    if isinstance(model, Problem):
        inputs = replace(inputs, problem=model)
    elif isinstance(model, nn.Module):
        require_inputs(study.model_copy(update={"model": "auto"}), folder, inputs)
        some = federation_for(study, inputs, 0)
        problem = problem_from_module(model, some, study, loss, output)
        inputs = replace(inputs, problem=problem)
    require_inputs(study, folder, inputs)
    return inputs
