"""Every kind of question over the wire: the weights of the simulation, one by one and stacked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from network_worlds import Network
from task_samples import MAKERS
from task_worlds import world
from unalike.core.local_work import LocalWork
from unalike.functional.trees import items
from unalike.methods import METHODS
from worlds import SINGLE, STACKED

WORK = LocalWork(1, rounds=2)


@pytest.mark.parametrize("task", MAKERS)
def test_sites_are_the_simulation(task: str, tmp_path: Path) -> None:
    where, method = world(task), METHODS["fedavg"](lr=0.1)
    single, stacked = (
        where.run(method, 2, plan=plan, batch_size=16, work=WORK) for plan in (SINGLE, STACKED)
    )
    there = Network(where, method, tmp_path, batch_size=16, work=WORK).train(2)
    begun, trained = (dict(items(one.server)) for one in (there[0], there[1]))
    assert any(not torch.equal(begun[leaf], trained[leaf]) for leaf in begun)
    for leaf, here in items(single.history[-1].server):
        assert torch.equal(here, trained[leaf]), leaf
    for leaf, here in items(stacked.history[-1].server):
        torch.testing.assert_close(here, trained[leaf], rtol=1e-9, atol=1e-10, msg=str(leaf))
