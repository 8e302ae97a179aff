"""What may be given as the model."""

from __future__ import annotations

import pytest
from torch import nn

from unalike.api.model_argument import model_name
from unalike.core import Problem
from unalike.errors import InputError


def test_a_name_stays_and_everything_else_is_ones_own() -> None:
    assert model_name("mlp") == "mlp"
    assert model_name(nn.Linear(2, 2)) == "own"
    assert model_name(Problem(nn.Linear(2, 2))) == "own"


def test_a_class_or_another_thing_is_refused() -> None:
    with pytest.raises(InputError, match=r"model=Linear is a class: give .* Linear\(\)"):
        model_name(nn.Linear)
    with pytest.raises(InputError, match="model is a dict: give the name"):
        model_name({"layers": 2})
