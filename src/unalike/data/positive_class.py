"""Which of two classes counts as yes."""

from __future__ import annotations

from dataclasses import replace

import torch

from .federated_data import Data


def with_positive(federation: Data, name: str) -> Data:
    """The federation whose task takes the class of this name for yes, with y to match.

    Raises:
        InputError: it asks for no yes or no, or has no such class.
    """
    asked = federation.task.with_positive(name)
    if asked == federation.task:
        return federation
    place = torch.tensor([asked.class_names.index(old) for old in federation.task.class_names])
    return replace(federation, y=place[federation.y], y_test=place[federation.y_test], task=asked)
