"""FedBN: normalisation layers stay at home."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from contract import Contract
from unalike.core import Problem
from unalike.functional.trees import leaves
from unalike.methods import FedAvg, FedBN, FedPer
from worlds import World, blobs, federation

CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
GAINS, OFFSETS = [1.0, -2.0, 0.5], [3.0, -1.0, 2.0]
SIZES = [2, 4, 6]
EPS = 0.1


class Shift(nn.Module):
    """x + s, s shared."""

    def __init__(self) -> None:
        super().__init__()
        self.s = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.s


def half_square(output: Tensor, y: Tensor) -> Tensor:
    return (output - y).square().sum(1) / 2


def shifted(newcomers: tuple[int, ...] = ()) -> World:
    """y = gain_i x + offset_i for x = (1, -1) or (-1, 1), under a LayerNorm and a shared shift."""
    x = [torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(n // 2, 1).double() for n in SIZES]
    y = [g * inputs + t for g, t, inputs in zip(GAINS, OFFSETS, x, strict=True)]
    net = nn.Sequential(nn.LayerNorm(2, eps=EPS), Shift()).double()
    return World(Problem(net, half_square), federation(x, y, newcomers=newcomers))


@pytest.mark.proof("fixed point", "gain g sqrt(1 + eps); s = sum p t / 2; bias t - s")
def test_fixed_point() -> None:
    done = shifted().run(FedBN(kinds="layer", lr=0.4), 150)
    t = np.asarray(OFFSETS)
    s = (np.asarray(SIZES) / 12 * t).sum() / 2
    gain = np.asarray(GAINS) * np.sqrt(1 + EPS)
    exact = np.stack([gain, gain, t - s, t - s, np.full(3, s), np.full(3, s)], 1)
    torch.testing.assert_close(done.personal(), torch.from_numpy(exact), **CLOSED)
    assert done.server.shape == (2,)


@pytest.mark.proof("fixed point", "a new client's bias goes to t - s at rate 1 - eta")
def test_newcomers_train_their_layers_alone() -> None:
    done = shifted(newcomers=(1,)).run(FedBN(kinds="layer", lr=0.4, adapt_epochs=3), 5)
    model = done.engine.adapt(5, done.server)[0]
    assert torch.equal(model[4:], done.server)
    bias = (OFFSETS[1] - done.server) * (1 - (1 - 0.4) ** 3)
    torch.testing.assert_close(model[2:4], bias, **CLOSED)


@pytest.mark.proof("limit", "without normalisation layers it is FedAvg, bit for bit")
def test_without_normalisation() -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4, "dropout": 0.2}
    one, other = (blobs().run(m, 4, **options) for m in (FedBN(), FedAvg()))
    assert torch.equal(one.server, other.server)
    assert torch.equal(one.personal(), other.personal())
    assert "FedAvg" in str(FedBN().vacuous(one.engine.problem))


@pytest.mark.proof("limit", "other kinds of normalisation are shared unless chosen")
def test_kinds() -> None:
    problem = shifted().problem
    assert FedBN().vacuous(problem)
    assert FedBN(kinds="group,instance").vacuous(problem)
    assert FedBN(kinds="batch, layer").vacuous(problem) is None
    one, other = (
        shifted().run(m, 3, batch_size=2) for m in (FedBN(kinds="layer"), FedPer(private="norm"))
    )
    assert torch.equal(one.personal(), other.personal())


@pytest.mark.proof(
    "invariant", "the shared part is the same for all, the layers of the absent rest"
)
def test_the_absent() -> None:
    done = shifted().run(FedBN(kinds="layer"), 1, cohort=1)
    present = int(done.history[0].cohort.ids)
    start = torch.tensor([1.0, 1.0, 0.0, 0.0]).double()
    for i, w in enumerate(done.personal()):
        assert torch.equal(w[4:], done.server)
        assert torch.equal(w[:4], start) == (i != present)


@pytest.mark.proof(
    "invariant", "batch normalisation is private with its statistics, under every policy"
)
@pytest.mark.parametrize("buffers", ["recompute", "share", "local"])
def test_batch_normalisation(buffers: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3))
    problem = Problem(net.double(), buffers=buffers)
    assert FedBN().describe(problem).startswith("private: 1.weight, 1.bias (8 of 51 numbers)")
    assert FedBN().vacuous(problem) is None
    done = World(problem, blobs().federation).run(FedBN(), 2, batch_size=4)
    method, engine = done.engine.method, done.engine
    down = engine.broadcast(done.server, np.arange(6))
    assert sum(leaf[0].numel() for leaf in leaves(down)) == 43
    assert method.buffers == ("recompute", "share", "local")
    tested = engine.predict(done.personal(), engine.rows, "test")
    assert torch.isfinite(tested.losses).all()
