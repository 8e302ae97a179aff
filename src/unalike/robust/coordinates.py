"""Rules that look at each coordinate by itself, with the answers in order of their values there."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from unalike.functional.trees import map_tree

from .geometry import blocks
from .rule import NOBODY, Weighted

ROUNDING = 1e-6
"""Weights come in single precision: what is left of one below this is nothing."""

Location = Callable[[Tensor, Tensor], Tensor]
"""Values [S, D] sorted along the first dimension, and their weights [S, D], to a value [D]."""


def by_coordinate(answers: Weighted, location: Location) -> Weighted:
    """One row that belongs to nobody: the location of the answers in every coordinate."""

    def of_leaf(leaf: Tensor) -> Tensor:
        found = []
        for part in blocks(leaf):
            values, order = part.sort(dim=0, stable=True)
            found.append(location(values, answers.weights[order]))
        return torch.cat(found).reshape(1, *leaf.shape[1:]).to(leaf.dtype)

    one = answers.weights.new_ones(1)
    return Weighted(map_tree(of_leaf, answers.ups), one, torch.full_like(answers.ids[:1], NOBODY))
