"""The recurrent network: PyTorch's own numbers, stacked as single, no effect of padding."""

import pytest
import torch
from torch import nn

from unalike.core import Batch, Problem
from unalike.errors import InputError
from unalike.methods import FedAvg
from unalike.models.gru import GRU, GRULayer
from unalike.tasks.sequence import NEXT_TOKEN, PADDING
from worlds import SINGLE, STACKED, World, federation

SIZES = (3, 2, 1)


def sequences(n: int, length: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens [n, length] and those that follow, of ragged lengths."""
    draw = torch.Generator().manual_seed(n)
    x = torch.randint(4, (n, length), generator=draw)
    y = torch.randint(4, (n, length), generator=draw)
    ends = torch.randint(1, length + 1, (n, 1), generator=draw)
    y[torch.arange(length) >= ends] = PADDING
    return x, y


def test_states_are_those_of_torch() -> None:
    torch.manual_seed(0)
    ours, known = GRULayer(3, 7).double(), nn.GRU(3, 7, batch_first=True).double()
    known.load_state_dict(ours.state_dict())
    x = torch.randn(4, 6, 3, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ours(x), known(x)[0], rtol=1e-12, atol=1e-12)
    pairs = [
        torch.autograd.grad(f(x)[..., -1].square().sum(), x)[0]
        for f in (ours, lambda x: known(x)[0])
    ]
    torch.testing.assert_close(*pairs, rtol=1e-10, atol=1e-12)


def test_stacked_clients_train_as_single_ones() -> None:
    torch.manual_seed(0)
    problem = Problem(GRU((5,), 4, embedding=3, hidden=6).double(), NEXT_TOKEN.each)
    data = [sequences(n) for n in SIZES]
    here = World(problem, federation([x for x, _ in data], [y for _, y in data], classes=4))
    method = FedAvg(lr=0.1)
    stacked = here.run(method, 2, batch_size=2, plan=STACKED)
    single = here.run(method, 2, batch_size=2, plan=SINGLE)
    torch.testing.assert_close(stacked.server, single.server, rtol=1e-9, atol=1e-11)
    assert (stacked.server - stacked.engine.w).abs().max() > 1e-3


def test_what_stands_behind_the_end_has_no_effect() -> None:
    torch.manual_seed(0)
    problem = Problem(GRU((5,), 4, embedding=3, hidden=6).double(), NEXT_TOKEN.each)
    x, y = sequences(6)
    other = torch.where(y == PADDING, 3 - x, x)
    assert not torch.equal(x, other)
    ones = torch.ones(6, dtype=torch.float64)
    w = problem.init()
    found = [
        problem.grad(w, Batch(each, y, ones, ones.sum(), torch.arange(6))) for each in (x, other)
    ]
    assert torch.equal(*found)
    assert found[0].abs().max() > 1e-3


def test_it_learns_which_token_follows() -> None:
    torch.manual_seed(0)
    model = GRU((8,), 3, hidden=16)
    x = (torch.arange(8) + torch.arange(3)[:, None]) % 3
    y = (x + 1) % 3
    steps = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(60):
        steps.zero_grad()
        NEXT_TOKEN.total(model(x), y, torch.ones(3)).backward()
        steps.step()
    assert torch.equal(model(x).argmax(-1), y)


def test_what_it_refuses() -> None:
    model = GRU((5,), 4)
    assert model(torch.zeros(2, 5)).shape == (2, 5, 4)
    with pytest.raises(InputError, match="longer than the 5 that the model allows"):
        model(torch.zeros(2, 6))
    with pytest.raises(InputError, match="needs sequences of tokens"):
        GRU((1, 8, 8), 4)
