"""Whole numbers that a model looks up stay what they are, unless somebody asks for a scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from unalike.api.data_argument import resolve_data
from unalike.study.inputs import federation_for
from unalike.study.settings import make_study

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(0, 50, (40, 5))
Y, CLIENT = np.arange(40) % 3, np.repeat(list("ab"), 20)


class Lookup(nn.Module):
    """Begins with an embedding of as many tokens as it is given."""

    def __init__(self, tokens: int = 50) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(tokens, 4), nn.Linear(20, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 5] -> [n, 3]."""
        return self.head(self.table(x).flatten(1))


class Beside(Lookup):
    """Has an embedding that samples do not reach."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 5] -> [n, 3]."""
        place = self.table(1000 + torch.zeros(len(x), 5, dtype=torch.int64) - 1000)
        return self.head(place.flatten(1)) + x.sum()


def dtype(data: Any, model: Any, **settings: Any) -> torch.dtype:
    values, inputs = resolve_data(data, settings, model=model, **roles(data))
    name = model if isinstance(model, str) else "own"
    return federation_for(make_study({**values, "model": name}), inputs, 0).x.dtype


def roles(data: Any) -> dict[str, Any]:
    return {"label": Y, "client": CLIENT} if isinstance(data, pd.DataFrame) else {}


@pytest.mark.parametrize("model", [Lookup(), Lookup(tokens=10), "gru"])
def test_arrays_frames_and_files_of_tokens_are_not_scaled(tmp_path: Path, model: Any) -> None:
    np.savez(tmp_path / "x.npz", x=TOKENS, y=Y, client=CLIENT)
    held: list[Any] = [(TOKENS, Y, CLIENT), (torch.from_numpy(TOKENS), Y, CLIENT)]
    held.append(tmp_path / "x.npz")
    if not isinstance(model, str):
        held.append(pd.DataFrame(TOKENS, columns=list("abcde")))
    for data in held:
        assert dtype(data, model) == torch.int64
        assert dtype(data, model, scale="standard") == torch.float32


@pytest.mark.parametrize("model", [Beside(), nn.Linear(5, 3), "mlp"])
def test_other_models_and_other_numbers_are_scaled(model: Any) -> None:
    assert dtype((TOKENS, Y, CLIENT), model) == torch.float32
    assert dtype((TOKENS + 0.5, Y, CLIENT), Lookup()) == torch.float32


def test_it_is_said() -> None:
    _, inputs = resolve_data((TOKENS, Y, CLIENT), {}, model=Lookup())
    assert "looks up in an embedding" in inputs.dataset.notes[-1]
