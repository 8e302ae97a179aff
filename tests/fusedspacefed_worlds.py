"""Worlds for a model with encoder, decoder and classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from unalike.core import Problem
from unalike.models.fused import FusedNet
from worlds import World, blobs, federation


def fused_world(
    *args: Any, features: int = 6, classes: int = 3, seed: int = 0, fusion: str = "sum", **more: Any
) -> World:
    """`blobs` under a small fused network: 6 -> 2 -> 6 beside a linear classifier."""
    clean = blobs(*args, features=features, classes=classes, seed=seed, **more)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = FusedNet(
            nn.Sequential(nn.Linear(features, 2), nn.Tanh()),
            nn.Linear(2, features),
            nn.Linear(features * (2 if fusion == "concat" else 1), classes),
            fusion,  # type: ignore[arg-type]
        ).double()
    return World(Problem(net), clean.federation)


class Times(nn.Module):
    """x -> factor * x."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def scalars(
    slopes: Sequence[float],
    *,
    encoder: float = 0.5,
    decoder: float = 1.0,
    classifier: float = 0.0,
    sizes: Sequence[int] | None = None,
    newcomers: Sequence[int] = (),
) -> World:
    """x = 1 or -1, y = slope_i * x; three factors e, d, c: loss 1/2 (c (x + d e x) - y)^2."""
    counts = list(sizes or [2] * len(slopes))
    x = [torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(n // 2)[:, None] for n in counts]
    y = [slope * inputs for slope, inputs in zip(slopes, x, strict=True)]

    def half_square(output: Tensor, y: Tensor) -> Tensor:
        return (output - y).square().flatten(1).sum(1) / 2

    net = FusedNet(Times(encoder), Times(decoder), Times(classifier))
    return World(Problem(net, half_square), federation(x, y, newcomers=newcomers))
