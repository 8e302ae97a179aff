"""Saved models: the weights of the module by name, and in the header all else that it takes.

A safetensors file, so that others can read the weights; nothing is pickled.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from unalike.study.files import write_tensors
from unalike.study.kept_models import HEADER
from unalike.study.model_description import ModelDescription

from .plain_module import trial_samples

SHOWN = 64
"""Outputs on the trial's samples that are written down."""


def write_module(module: nn.Module, description: ModelDescription, path: Path) -> Path:
    """Write a trained module to this file.

    Raises:
        UnwritableError: it cannot be written.
    """
    trial = tuple(trial_outputs(module, description).tolist())
    about = description.model_copy(update={"trial": trial})
    tensors = {name: value.clone() for name, value in module.state_dict().items()}
    write_tensors(path, tensors, {HEADER: about.to_text()})
    return path


def trial_outputs(module: nn.Module, description: ModelDescription) -> Tensor:
    """What the module puts out on samples that are always the same: [64] at most."""
    with torch.no_grad():
        output = module(trial_samples(description))
    return output.to(torch.float32).flatten()[:SHOWN]
