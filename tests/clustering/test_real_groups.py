"""Groups of real clients are found, and none where there are none."""

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from unalike.core import Method, Problem
from unalike.methods import CFL, IFCA
from worlds import Outcome, World, federation

CLIENTS = 12


@cache
def digits(turned: int) -> World:
    """Real digits dealt evenly to 12 clients; the last `turned` of them hold theirs upside down."""
    bunch = load_digits()
    images = (bunch.images / 16).astype(np.float32)
    deal = np.array_split(np.random.default_rng(0).permutation(len(images)), CLIENTS)
    x, y = [], []
    for i, ids in enumerate(deal):
        mine = images[ids][:, ::-1, ::-1] if i >= CLIENTS - turned else images[ids]
        x.append(torch.from_numpy(mine.reshape(len(ids), -1).copy()))
        y.append(torch.from_numpy(bunch.target[ids].astype(np.int64)))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    return World(Problem(net), federation(x, y, test=[40] * CLIENTS, classes=10))


def accuracy(outcome: Outcome) -> float:
    engine = outcome.engine
    found = engine.predict(outcome.personal(), engine.rows, "test")
    return float((found.output.argmax(-1) == found.truth).double().mean())


@pytest.mark.parametrize("method", [CFL(), IFCA()], ids=lambda method: method.name)
def test_upright_and_turned_digits_are_told_apart(method: Method) -> None:
    outcome = digits(6).run(method, 60, batch_size=8)
    if isinstance(method, CFL):
        groups = outcome.server.group
    else:
        groups = outcome.history[-1].ups.choice.flatten()
    assert groups[0] != groups[6]
    assert torch.equal(groups, groups[[0, 6]].repeat_interleave(6))
    alone = digits(6).run(CFL(max_clusters=1), 60, batch_size=8)
    assert accuracy(outcome) > accuracy(alone) + 0.02


def test_alike_clients_are_not_cut() -> None:
    assert int(digits(0).run(CFL(), 60, batch_size=8).server.groups) == 1
