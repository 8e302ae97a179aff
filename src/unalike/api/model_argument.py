"""What is given as the model: a network by name, or one of the user's own."""

from __future__ import annotations

from typing import Any

from torch import nn

from unalike.core import Problem
from unalike.errors import InputError


def model_name(model: Any) -> str:
    """The name of a network as it is; "own" for a module or a problem.

    Raises:
        InputError: it is neither.
    """
    if isinstance(model, str):
        return model
    if isinstance(model, nn.Module | Problem):
        return "own"
    if isinstance(model, type) and issubclass(model, nn.Module):
        name = model.__name__
        raise InputError(f"model={name} is a class: give a module made of it, such as {name}().")
    raise InputError(
        f"model is a {type(model).__name__}: give the name of a network, a torch.nn.Module or a "
        "Problem."
    )
