"""FedPer against its closed forms, FedAvg and Local."""

import numpy as np
import pytest
import torch

from contract import Contract
from partial_worlds import parted
from unalike.core import parts
from unalike.methods import FedAvg, FedPer, Local
from worlds import blobs

CONTRACT = Contract(down=lambda problem: 56, up=lambda problem: 56)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
SIZES = [1, 2, 3]
SHARED, PRIVATE = [1.0, 4.0, 2.0], [0.5, 3.0, 1.0]
CENTRES = np.asarray([[0.0, 2.0], [1.0, -1.0], [-2.0, 5.0]])


def diagonal() -> list[torch.Tensor]:
    return [torch.tensor([a, b]).diag() for a, b in zip(SHARED, PRIVATE, strict=True)]


@pytest.mark.proof("fixed point", "the body is FedAvg's fixed point, each head its own optimum")
def test_fixed_point_of_independent_parts() -> None:
    world = parted(diagonal(), CENTRES, sizes=SIZES)
    done = world.run(FedPer(lr=0.3), 60, steps=3)
    weight = np.asarray(SIZES) / 6 * (1 - (1 - 0.3 * np.asarray(SHARED)) ** 3)
    s = (weight * CENTRES[:, 0]).sum() / weight.sum()
    exact = torch.from_numpy(np.stack([np.full(3, s), CENTRES[:, 1]], 1))
    torch.testing.assert_close(done.personal(), exact, **CLOSED)


@pytest.mark.proof("fixed point", "one joint step at a time: the optimum over body and all heads")
def test_fixed_point_of_coupled_parts() -> None:
    a, b, d = np.asarray([1.0, 2.0, 3.0]), np.asarray([0.5, -0.8, 0.2]), np.asarray([1.0, 1.5, 0.7])
    matrices = [torch.tensor([[a[i], b[i]], [b[i], d[i]]]) for i in range(3)]
    done = parted(matrices, CENTRES, sizes=SIZES).run(FedPer(lr=0.5), 100)
    weight = np.asarray(SIZES) * (a - b * b / d)
    s = (weight * CENTRES[:, 0]).sum() / weight.sum()
    h = CENTRES[:, 1] - b / d * (s - CENTRES[:, 0])
    exact = torch.from_numpy(np.stack([np.full(3, s), h], 1))
    torch.testing.assert_close(done.personal(), exact, **CLOSED)


@pytest.mark.proof("fixed point", "a new client's head goes to c + (1 - eta a)^K (h - c)")
def test_newcomers_train_their_head_alone() -> None:
    world = parted(diagonal(), CENTRES, sizes=SIZES, newcomers=[1], start=[0.0, 0.7])
    done = world.run(FedPer(lr=0.1, adapt_epochs=4), 5, steps=3)
    model = done.engine.adapt(5, done.server)[0]
    h = -1 + (1 - 0.1 * 3) ** 4 * (0.7 + 1)
    assert torch.equal(model[:1], done.server)
    assert float(model[1]) == pytest.approx(h, abs=1e-12)


@pytest.mark.proof("limit", "nothing private is FedAvg, bit for bit")
@pytest.mark.parametrize("solver", ["sgd", "momentum:0.9"])
def test_nothing_private(solver: str) -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4, "dropout": 0.2}
    one = blobs().run(FedPer(private="none", solver=solver), 4, **options)
    other = blobs().run(FedAvg(solver=solver), 4, **options)
    assert torch.equal(one.server, other.server)
    assert torch.equal(one.personal(), other.personal())


@pytest.mark.proof("limit", "everything private is Local, bit for bit")
def test_everything_private() -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4}
    one, other = (blobs().run(m, 4, **options) for m in (FedPer(private="all"), Local()))
    assert torch.equal(one.states.h, other.states.w)
    assert one.history[-1].bytes_up == one.history[-1].bytes_down == 0


@pytest.mark.proof("invariant", "all clients predict with the same body and with different heads")
def test_one_body_many_heads() -> None:
    done = blobs().run(FedPer(), 3, batch_size=4)
    split = parts.private(done.engine.problem, "head")
    bodies, heads = zip(*(split.split(w) for w in done.personal()), strict=True)
    assert all(torch.equal(body, done.server) for body in bodies)
    assert all(torch.equal(head, h) for head, h in zip(heads, done.states.h, strict=True))
    assert len({tuple(head.tolist()) for head in heads}) == 6


def test_the_settings_are_described() -> None:
    problem = blobs().problem
    assert FedPer().describe(problem).startswith("private: 2.weight, 2.bias (27 of 83 numbers)")
    assert FedPer().vacuous(problem) is None
    assert FedPer(private="none").vacuous(problem)
    assert FedPer().global_model(torch.zeros(1)) is None
