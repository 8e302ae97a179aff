"""Every method on every kind of question over the wire: the simulation's server, one by one and
stacked."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from network_worlds import QUICK, Network
from task_samples import MAKERS
from task_worlds import UNSUITED, world
from unalike.core.local_work import LocalWork
from unalike.functional.trees import items
from unalike.methods import METHODS
from worlds import SINGLE, STACKED

WORK = LocalWork(1, rounds=2)
TRUSTING = replace(QUICK, max_norm_ratio=math.inf)
"""However much longer than the others' an answer is."""
TOLD = [name for name in METHODS if name != "local"]
"""Of methods whose sites tell the server anything."""


def case(task: str, method: str) -> object:
    return pytest.param(task, method, marks=[] if method == "fedavg" else pytest.mark.slow)


@pytest.mark.parametrize(
    ("task", "method"),
    [case(t, m) for t in MAKERS for m in TOLD if t not in UNSUITED.get(m, {})],
)
def test_sites_are_the_simulation(task: str, method: str, tmp_path: Path) -> None:
    where, chosen = world(task, hidden=3), METHODS[method]()
    single, stacked = (
        where.run(chosen, 2, plan=plan, batch_size=16, work=WORK) for plan in (SINGLE, STACKED)
    )
    there = Network(where, chosen, tmp_path, batch_size=16, work=WORK, settings=TRUSTING).train(2)
    begun, trained = (dict(items(one.server)) for one in (there[0], there[1]))
    assert any(not torch.equal(begun[leaf], trained[leaf]) for leaf in begun)
    for leaf, here in items(single.history[-1].server):
        assert torch.equal(here, trained[leaf]), leaf
    for leaf, here in items(stacked.history[-1].server):
        torch.testing.assert_close(here, trained[leaf], rtol=1e-9, atol=1e-10, msg=str(leaf))
