"""Local work over a network: the bits of the simulation, also where everybody begins anew."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from network_worlds import Network
from unalike.core.local_work import LocalWork
from unalike.core.schedules import Exponential
from unalike.core.work_check import with_momentum
from unalike.functional.trees import items, map_tree
from unalike.methods import METHODS
from worlds import SINGLE, blobs

SIZES = (12, 5, 20, 7)
STEPS = LocalWork(steps=3, schedule=Exponential(rate=0.5), momentum=0.5, slow=0.4, rounds=4)
HALVES = LocalWork(0.5, schedule=Exponential(rate=0.5), rounds=4)


@pytest.mark.parametrize(
    ("name", "work"),
    [
        ("fedavg", STEPS),
        ("ditto", STEPS),
        ("fedrep", STEPS),
        ("scaffold", HALVES),
        ("qfedavg", HALVES),
    ],
)
def test_sites_are_the_simulation(name: str, work: LocalWork, tmp_path: Path) -> None:
    """Two rounds, then server and sites from what they kept, and two rounds more."""
    where, method = blobs(SIZES), with_momentum(METHODS[name](), work)
    known = where.run(method, 4, plan=SINGLE, batch_size=4, work=work)
    network = Network(where, method, tmp_path, work=work)
    begun = network.train(2)
    last = network.clients.states
    network.trainers = {row: network.trainer(row) for row in network.trainers}
    network.clients = network.server_side()
    network.clients.run.last_used[:] = last.last.numpy()
    history = [*begun, *network.train(2, begun[-1].server, first=3)]
    for here, there in zip(known.history, history, strict=True):
        for (leaf, one), (_, other) in zip(items(here.server), items(there.server), strict=True):
            assert torch.equal(one, other), f"round {here.t}: {leaf}"
        assert (here.gradients, here.bytes_up) == (there.gradients, there.bytes_up)
    for row, trainer in network.trainers.items():
        mine = map_tree(lambda leaf, row=row: leaf[row], known.states)
        for (leaf, one), (_, other) in zip(items(mine), items(trainer.engine.states), strict=True):
            assert torch.equal(one, other[0]), f"client {row}: {leaf}"


def test_a_site_that_lost_its_count_says_so(tmp_path: Path) -> None:
    """Its batches begin anew, and nobody takes that for the run that it is not."""
    where, work = blobs(SIZES), LocalWork(steps=3)
    network = Network(where, METHODS["fedavg"](), tmp_path, work=work)
    begun = network.train(2)
    for path in (tmp_path / "2").glob("after-*.safetensors"):
        path.unlink()
    network.trainers[2] = network.trainer(2)
    network.train(1, begun[-1].server, first=3)
    assert [int(t.engine.states.steps[0]) for t in network.trainers.values()] == [9, 9, 3, 9]
    assert any("client 2" in text or "site 2" in text for text in network.remarks())
