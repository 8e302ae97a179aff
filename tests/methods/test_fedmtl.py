"""FedMTL: one body, output layers of different sizes."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from contract import Contract
from partial_worlds import parted
from unalike.core import Problem
from unalike.methods import FedMTL, FedPer
from worlds import ROUNDING, World, blobs, federation

CONTRACT = Contract(down=lambda problem: 56, up=lambda problem: 56)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
LABELS = [(0, 0, 0, 1), (0, 1, 1, 2, 2), (1, 0, 1, 0)]


class Net(nn.Module):
    """A body of 2 tanh units and an output layer of `classes`."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body = nn.Linear(2, 2)
        self.head = nn.Linear(2, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.body(x)))


def tasks(
    classes: int = 3,
    labels: Sequence[Sequence[int]] = LABELS,
    *,
    scale: float = 1.0,
    newcomers: Sequence[int] = (),
) -> tuple[World, Tensor]:
    """Clients with these labels and random inputs of this scale, and initial weights.

    Output layers of different sizes start with the same first rows.
    """
    rng = np.random.default_rng(0)
    x = [torch.from_numpy(scale * rng.normal(size=(len(own), 2))) for own in labels]
    y = [torch.tensor(own) for own in labels]
    problem = Problem(Net(classes).double())
    shape = {"body.weight": (2, 2), "body.bias": 2, "head.weight": (8, 2), "head.bias": 8}
    values = {name: torch.from_numpy(rng.normal(size=size)) for name, size in shape.items()}
    w = torch.cat([values[n][: len(v)].reshape(-1) for n, v in _views(problem).items()])
    return World(problem, federation(x, y, newcomers=newcomers, classes=classes)), w


def _views(problem: Problem) -> dict[str, Tensor]:
    return problem.layout.views(problem.init())


@pytest.mark.proof("fixed point", "without inputs: class frequencies among the client's outputs")
def test_class_frequencies() -> None:
    """With all other weights zero, the logits are the output layer's bias."""
    world, w = tasks(5, scale=0.0)
    w = w.clone()
    w[:-5] = 0
    done = world.run(FedMTL(lr=3.0), 4, steps=25, w=w)
    method, problem = done.engine.method, done.engine.problem
    for i, own in enumerate(LABELS):
        model = type(done.personal())(*(leaf[i] for leaf in done.personal()))
        found = method.predict(problem, model, torch.zeros(1, 2).double()).softmax(1)[0]
        exact = np.bincount(own, minlength=5) / len(own)
        torch.testing.assert_close(found, torch.from_numpy(exact), **CLOSED)
    assert done.personal().k.tolist() == [2, 3, 2]


@pytest.mark.proof("fixed point", "the body is FedAvg's fixed point, each head its own optimum")
def test_fixed_point_of_quadratics() -> None:
    matrices = [torch.tensor([a, b]).diag() for a, b in ((1.0, 0.5), (4.0, 3.0))]
    done = parted(matrices, [[0.0, 2.0], [1.0, -1.0]], sizes=[1, 3]).run(
        FedMTL(lr=0.3), 60, steps=3
    )
    weight = np.asarray([1, 3]) * (1 - (1 - 0.3 * np.asarray([1, 4])) ** 3)
    s = (weight * [0, 1]).sum() / weight.sum()
    exact = torch.tensor([[s, 2.0], [s, -1.0]], dtype=torch.float64)
    torch.testing.assert_close(done.personal().w, exact, **CLOSED)


@pytest.mark.proof("invariant", "outputs that no client uses change nothing, and nothing them")
def test_unused_outputs() -> None:
    (small, few), (large, many) = tasks(3), tasks(7)
    one = small.run(FedMTL(), 5, batch_size=2, w=few)
    other = large.run(FedMTL(), 5, batch_size=2, w=many)
    torch.testing.assert_close(one.server, other.server, **CLOSED)
    views, fewer = other.engine.problem.layout.views, one.engine.problem.layout.views
    start = views(many)
    for i, k in enumerate((2, 3, 2)):
        mine, same = views(other.personal().w[i]), fewer(one.personal().w[i])
        for name in ("head.weight", "head.bias"):
            assert torch.equal(mine[name][k:], start[name][k:])
            assert not torch.equal(mine[name][:k], start[name][:k])
            torch.testing.assert_close(mine[name][:k], same[name][:k], **CLOSED)


@pytest.mark.proof("invariant", "a client never predicts a class that it does not have")
def test_predictions() -> None:
    world, w = tasks(3, scale=3.0)
    done = world.run(FedMTL(), 2, w=w)
    method, problem = done.engine.method, done.engine.problem
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(50, 2)) * 5)
    w = torch.zeros_like(done.personal().w[0])
    w[-1] = 9.0
    two, three, every = (
        method.predict(problem, type(done.personal())(w, torch.tensor(k)), x) for k in (2, 3, 0)
    )
    assert (two.argmax(1) < 2).all()
    assert (three.argmax(1) == 2).all()
    assert torch.equal(three, every)
    losses = problem.sample_losses(two, torch.full((50,), 2))
    assert torch.isfinite(losses).all()
    assert (two.softmax(1)[:, 2] == 0).all()


@pytest.mark.proof("limit", "full heads, or all classes everywhere: FedPer")
def test_full_heads() -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4}
    one, other = (blobs().run(m, 3, **options) for m in (FedMTL(heads="full"), FedPer()))
    torch.testing.assert_close(one.personal().w, other.personal(), **ROUNDING)
    torch.testing.assert_close(one.server, other.server, **ROUNDING)
    world, w = tasks(3, [(0, 1, 2), (2, 2, 1, 0), (2, 0)])
    mine, usual = (world.run(m, 3, batch_size=2, w=w) for m in (FedMTL(), FedPer()))
    torch.testing.assert_close(mine.personal().w, usual.personal(), atol=1e-13, rtol=1e-13)


@pytest.mark.proof("invariant", "a new client trains the outputs that its own labels need")
def test_newcomers() -> None:
    world, w = tasks(4, [*LABELS, (0, 1, 1)], newcomers=[3])
    done = world.run(FedMTL(), 3, w=w)
    model = done.engine.adapt(3, done.server)
    views, start = done.engine.problem.layout.views(model.w[0]), done.engine.problem.layout.views(w)
    assert int(model.k) == 2
    assert torch.equal(model.w[0, :6], done.server)
    assert torch.equal(views["head.bias"][2:], start["head.bias"][2:])
    assert not torch.equal(views["head.bias"][:2], start["head.bias"][:2])
