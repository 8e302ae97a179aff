"""Models that were saved, made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from unalike.core import Problem
from unalike.errors import InputError
from unalike.functional.normalisation import BatchNorm
from unalike.functional.trees import named_tree
from unalike.models.module_file import read_module
from unalike.study.files import read_tensors
from unalike.study.kept_models import HEADER
from unalike.study.model_description import ModelDescription

from .network import method_of, problem_of
from .plain_module import FUNCTION, track_statistics
from .prediction_function import PredictionFunction
from .storage import trial_outputs
from .trained_model import TrainedModel


def load(path: str | Path, model: nn.Module | str | None = None) -> TrainedModel:
    """A model that `TrainedModel.save` has written.

    model: the module, or FILE.py:NAME, where the study trained a module of the user's own.

    Raises:
        InputError: the file is missing, damaged, of another version, or needs a module.
    """
    place = Path(path)
    if not place.is_file():
        raise InputError(f"There is no file {path}.")
    found = read_tensors(place)
    if found is None or HEADER not in found[1]:
        raise InputError(f"{path} is damaged, or no model that unalike has saved.")
    tensors, about = found
    description = ModelDescription.from_text(about[HEADER], str(path))
    if not description.personal:
        raise InputError(
            f"{path} holds all models of a run: take one of them with 'unalike export', or from "
            "Python with result.model(...)."
        )
    module = _module(description, module_given(model), str(path))
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise _another_module(description, str(path)) from error
    expected = torch.tensor(description.trial)
    if not torch.allclose(trial_outputs(module, description), expected, rtol=1e-3, atol=1e-4):
        raise _another_module(description, str(path))
    return TrainedModel(module, description)


def module_given(model: nn.Module | Problem | str | None) -> nn.Module | Problem | None:
    """The module that a text stands for, or the module itself.

    Raises:
        InputError: the text is not FILE.py:NAME, or its file cannot be run.
    """
    if not isinstance(model, str):
        return model
    found = read_module(model)
    if found is None:
        raise InputError(f"--model {model}: write FILE.py:NAME, as in mine.py:Net.")
    return found


def _module(description: ModelDescription, given: Any, place: str) -> nn.Module:
    """The module with weights of its own."""
    problem = problem_of(description, given, place)
    method = method_of(description, problem)
    leaves = {
        name: torch.zeros(shape, dtype=getattr(torch, number))
        for name, shape, number in description.personal
    }
    personal = named_tree(leaves)
    if description.form == FUNCTION:
        return PredictionFunction(method, problem, personal).eval()
    inner: Any = getattr(method, "method", None)
    if inner is None:
        return method.prediction_module(problem, personal).eval()
    module: nn.Module = inner.prediction_module(problem, personal.model).eval()
    for layer in module.modules():
        if isinstance(layer, BatchNorm):
            track_statistics(layer)
    return module


def _another_module(description: ModelDescription, place: str) -> InputError:
    return InputError(
        f"{place} was not saved with this module: the one that was trained is a "
        f"{description.module}, and this one gives other numbers or has other weights."
    )
