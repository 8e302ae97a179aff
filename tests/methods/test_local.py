"""Local: nothing but each client's own descent."""

from typing import Any

import pytest
import torch

from contract import Contract
from unalike.core import NoState
from unalike.methods import Local
from worlds import blobs, quadratics

CONTRACT = Contract(down=0, up=0)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}


@pytest.mark.proof("fixed point", "w_i = c_i + (1 - eta a_i)^(rounds E) (w_0 - c_i)")
@pytest.mark.parametrize("times", [1, 4, 300])
def test_own_descent(times: int) -> None:
    outcome = quadratics([1, 4], [0.5, 1], start=3.0).run(Local(lr=0.1), times, steps=2)
    exact = [0.5 + 0.9 ** (2 * times) * 2.5, 1 + 0.6 ** (2 * times) * 2]
    torch.testing.assert_close(
        outcome.personal(), torch.tensor(exact, dtype=torch.float64)[:, None], **CLOSED
    )


@pytest.mark.proof("limit", "torch.optim on the client's own samples gives the same model")
@pytest.mark.parametrize(
    ("solver", "make"),
    [
        ("sgd", lambda w: torch.optim.SGD(w, lr=0.1)),
        ("momentum:0.8", lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.8)),
        ("adam", lambda w: torch.optim.Adam(w, lr=0.1)),
    ],
)
def test_torch_optim(solver: str, make: Any) -> None:
    world = blobs((7, 1, 12))
    outcome = world.run(Local(lr=0.1, solver=solver), 1, steps=6)
    for i in range(3):
        own = world.federation.train.rows(i)
        x, y = world.federation.x[own], world.federation.y[own]
        w = outcome.engine.w.clone().requires_grad_()
        optimiser = make([w])
        for _ in range(6):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(world.problem.logits(w, x), y)
            loss.backward()
            optimiser.step()
        torch.testing.assert_close(outcome.states.w[i], w.detach(), **CLOSED)


@pytest.mark.proof("invariant", "no client feels what another holds")
def test_others_do_not_matter() -> None:
    world, other = blobs((9, 4, 6)), blobs((9, 4, 6))
    other.federation.x[other.federation.train.rows(1)] *= -3
    one, two = (w.run(Local(), 3, batch_size=4).states.w for w in (world, other))
    assert torch.equal(one[[0, 2]], two[[0, 2]])
    assert not torch.equal(one[1], two[1])


@pytest.mark.proof("invariant", "a client that was never sampled still has the initial weights")
def test_unsampled() -> None:
    outcome = blobs().run(Local(), 1, cohort=2, batch_size=4)
    sampled = outcome.history[0].cohort.ids.tolist()
    for i, w in enumerate(outcome.personal()):
        assert torch.equal(w, outcome.engine.w) == (i not in sampled)


@pytest.mark.proof("fixed point", "a new client makes adapt_epochs steps of its own")
@pytest.mark.parametrize("epochs", [0, 1, 7])
def test_new_client(epochs: int) -> None:
    world = quadratics([1, 4, 2], [0, 1, -3], start=3.0, newcomers=[2])
    outcome = world.run(Local(lr=0.1, adapt_epochs=epochs), 2, steps=3)
    exact = torch.tensor([[-3 + 0.8**epochs * 6]], dtype=torch.float64)
    torch.testing.assert_close(outcome.engine.adapt(2, outcome.server), exact, **CLOSED)


@pytest.mark.proof("invariant", "nothing travels and there is no global model")
def test_nothing_travels() -> None:
    outcome = blobs().run(Local(), 1)
    assert outcome.history[-1].bytes_down == outcome.history[-1].bytes_up == 0
    assert Local().global_model(NoState()) is None
