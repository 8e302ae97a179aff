"""Quadratic worlds whose weights have a shared body and a private head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from unalike.core import Layout
from worlds import World, quadratics


def parted(
    matrices: Sequence[Any], centres: Sequence[Any], *, body: int = 1, **options: Any
) -> World:
    """`quadratics` whose first `body` weights are called body and the rest head."""
    world = quadratics(matrices, centres, **options)
    count = len(world.problem.init())
    world.problem.layout = Layout(
        ("body", "head"), (torch.Size([body]), torch.Size([count - body]))
    )
    return world
