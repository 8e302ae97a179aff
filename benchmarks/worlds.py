"""Synthetic data of the right shape, all in memory."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.tasks.classes import Classes


def federation(clients: int, samples: int, *shape: int, classes: int = 10) -> Federation:
    """Clients with `samples` training samples each, x [n, *shape] normal, and nothing to test."""
    return unequal_federation(np.full(clients, samples), *shape, classes=classes)


def unequal_federation(sizes: NDArray[np.int64], *shape: int, classes: int = 10) -> Federation:
    """The same with so many training samples of each client: [clients]."""
    luck = torch.Generator().manual_seed(0)
    clients, n = len(sizes), int(sizes.sum())
    x = torch.randn(n, *shape, generator=luck)
    y = torch.randint(classes, (n,), generator=luck)
    nothing = Ragged.of(np.zeros(0, np.int64), np.zeros(clients, np.int64))
    return Federation(
        x=x,
        y=y,
        x_test=x[:0],
        y_test=y[:0],
        train=Ragged.of(np.arange(n), sizes),
        validation=nothing,
        test=nothing,
        names=tuple(str(i) for i in range(clients)),
        newcomers=np.zeros(clients, dtype=bool),
        pooled_test=np.zeros(0, np.int64),
        task=Classes.of(classes),
    )


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers of these widths with ReLU between them."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for into, out in pairwise(widths):
        layers += [nn.Linear(into, out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def cnn() -> nn.Sequential:
    """The FedAvg CNN on 28x28: 1,663,370 weights."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3136, 512),
        nn.ReLU(),
        nn.Linear(512, 10),
    )
