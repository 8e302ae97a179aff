"""LG-FedAvg: FedPer upside down."""

import numpy as np
import pytest
import torch

from contract import Contract
from partial_worlds import parted
from unalike.core import parts
from unalike.methods import FedAvg, FedPer, LGFedAvg, Local
from worlds import blobs

CONTRACT = Contract(down=lambda problem: 27, up=lambda problem: 27)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
SIZES = [1, 2, 3]
ENCODER, HEAD = [1.0, 4.0, 2.0], [0.5, 3.0, 1.0]
CENTRES = np.asarray([[0.0, 2.0], [1.0, -1.0], [-2.0, 5.0]])


def diagonal() -> list[torch.Tensor]:
    return [torch.tensor([a, b]).diag() for a, b in zip(ENCODER, HEAD, strict=True)]


@pytest.mark.proof("fixed point", "the head is FedAvg's fixed point, each encoder its own optimum")
def test_fixed_point() -> None:
    done = parted(diagonal(), CENTRES, sizes=SIZES).run(LGFedAvg(lr=0.3), 60, steps=3)
    weight = np.asarray(SIZES) / 6 * (1 - (1 - 0.3 * np.asarray(HEAD)) ** 3)
    s = (weight * CENTRES[:, 1]).sum() / weight.sum()
    exact = torch.from_numpy(np.stack([CENTRES[:, 0], np.full(3, s)], 1))
    torch.testing.assert_close(done.personal(), exact, **CLOSED)


@pytest.mark.proof("fixed point", "a new client's encoder goes to c + (1 - eta a)^K (e - c)")
def test_newcomers_train_their_encoder_alone() -> None:
    world = parted(diagonal(), CENTRES, sizes=SIZES, newcomers=[1], start=[0.7, 0.0])
    done = world.run(LGFedAvg(lr=0.1, adapt_epochs=4), 5, steps=3)
    model = done.engine.adapt(5, done.server)[0]
    assert torch.equal(model[1:], done.server)
    assert float(model[0]) == pytest.approx(1 + (1 - 0.1 * 4) ** 4 * (0.7 - 1), abs=1e-12)


@pytest.mark.proof("limit", "it is FedPer with a private body, bit for bit")
def test_the_reverse_of_fedper() -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4}
    one, other = (blobs().run(m, 4, **options) for m in (LGFedAvg(), FedPer(private="body")))
    assert torch.equal(one.server, other.server)
    assert torch.equal(one.personal(), other.personal())


@pytest.mark.proof("limit", "nothing private is FedAvg, everything private is Local, bit for bit")
def test_nothing_and_everything_private() -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4}
    none, averaged = (blobs().run(m, 3, **options) for m in (LGFedAvg(private="none"), FedAvg()))
    assert torch.equal(none.server, averaged.server)
    every, local = (blobs().run(m, 3, **options) for m in (LGFedAvg(private="all"), Local()))
    assert torch.equal(every.states.h, local.states.w)


@pytest.mark.proof("invariant", "the head is the same for all and alone travels")
def test_only_the_head_travels() -> None:
    done = blobs().run(LGFedAvg(), 3, batch_size=4)
    split = parts.private(done.engine.problem, "encoder")
    heads, encoders = zip(*(split.split(w) for w in done.personal()), strict=True)
    assert done.server.shape == (27,)
    assert all(torch.equal(head, done.server) for head in heads)
    assert len({tuple(encoder.tolist()) for encoder in encoders}) == 6
    assert "shared: 2.weight, 2.bias (27)" in LGFedAvg().describe(done.engine.problem)
