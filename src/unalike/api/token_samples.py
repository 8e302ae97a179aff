"""Samples that are tokens stay whole numbers, where nobody has asked for a scale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from unalike.core import Problem
from unalike.core.token_input import holds_embedding, looks_up
from unalike.data.preprocessing.table import Table
from unalike.study.data_files import is_file, read_file
from unalike.study.inputs import UserInputs

FEW = 8
"""Samples that a model is tried on."""
NOTE = (
    "x holds whole numbers that the model looks up in an embedding: they stay as they are "
    '(scale="standard" scales them).'
)


def unscaled_tokens(
    values: dict[str, Any], inputs: UserInputs, model: Any
) -> tuple[dict[str, Any], UserInputs]:
    """Settings and inputs with scale "none", where a module reads its samples as tokens.

    model: a module or `Problem`; a network by name says itself what it takes, see
        `models.registry`.
    """
    module = getattr(model, "module", None) if isinstance(model, Problem) else model
    if not isinstance(module, nn.Module) or not holds_embedding(module):
        return values, inputs
    if values.get("scale", "auto") != "auto":
        return values, inputs
    dataset = inputs.dataset
    if dataset is None and is_file(values["data"]):
        dataset = read_file(values["data"], values)
    tokens = None if dataset is None else _tokens(dataset.x)
    if dataset is None or tokens is None:
        return values, inputs
    if not looks_up(module, torch.from_numpy(tokens[:FEW])):
        return values, inputs
    if inputs.dataset is None:
        return ({**values, "scale": "none"} if not isinstance(dataset.x, Table) else values), inputs
    settings = dataset.settings.model_copy(update={"scale": "none"})
    kept = replace(dataset, x=tokens, settings=settings, notes=(*dataset.notes, NOTE))
    return values, replace(inputs, dataset=kept)


def _tokens(x: Table | NDArray[Any]) -> NDArray[np.int64] | None:
    """Samples [n, ...] of whole numbers by type; None of any other."""
    if isinstance(x, Table):
        if any(c.values.dtype.kind not in "iu" or c.gaps is not None for c in x.columns):
            return None
        return np.stack([column.values.astype(np.int64) for column in x.columns], 1)
    return x.astype(np.int64) if x.dtype.kind in "iu" and x.ndim <= 3 else None
