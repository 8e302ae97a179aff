"""Local solvers against torch.optim."""

from typing import Any

import pytest
import torch
from torch.func import vmap
from torch.optim import SGD, Adam

from unalike.core import solvers
from unalike.errors import InputError
from unalike.functional.trees import map_tree

TWINS: dict[str, Any] = {
    "sgd": lambda w: SGD(w, lr=0.05),
    "momentum": lambda w: SGD(w, lr=0.05, momentum=0.9),
    "momentum:0.5": lambda w: SGD(w, lr=0.05, momentum=0.5),
    "adam": lambda w: Adam(w, lr=0.05),
    "adam:0.8": lambda w: Adam(w, lr=0.05, betas=(0.8, 0.999)),
    "adam:0.8,0.9": lambda w: Adam(w, lr=0.05, betas=(0.8, 0.9)),
    "adam:0.8,0.9,0.001": lambda w: Adam(w, lr=0.05, betas=(0.8, 0.9), eps=1e-3),
}


@pytest.mark.parametrize("text", TWINS)
def test_twin(text: str) -> None:
    rng = torch.Generator().manual_seed(0)
    gradients = torch.randn(25, 6, generator=rng, dtype=torch.float64)
    w = torch.randn(6, generator=rng, dtype=torch.float64)
    theirs = w.clone().requires_grad_()
    optimiser = TWINS[text]([theirs])
    solver = solvers.parse(text, 0.05)
    state = solver.init(w)
    for g in gradients:
        theirs.grad = g.clone()
        optimiser.step()
        kept = map_tree(torch.clone, state)
        over, over_state = solver.step_in_place(w.clone(), g.clone(), kept)
        w, state = solver.step(w, g, state)
        torch.testing.assert_close(w, theirs.detach(), atol=1e-12, rtol=0)
        torch.testing.assert_close(over, w, atol=1e-15, rtol=0)
        assert all(map(torch.equal, over_state, state))


def test_a_step_leaves_its_inputs_alone() -> None:
    for text in TWINS:
        w, g = torch.ones(3, dtype=torch.float64), torch.full((3,), 2.0, dtype=torch.float64)
        solver = solvers.parse(text, 0.1)
        state = solver.init(w)
        before = [leaf.clone() for leaf in state]
        solver.step(w, g, state)
        assert torch.equal(w, torch.ones(3, dtype=torch.float64))
        assert torch.equal(g, torch.full((3,), 2.0, dtype=torch.float64))
        assert all(map(torch.equal, before, state))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sdg", "'sgd'"),
        ("momentun:0.9", "'momentum'"),
        ("sgd:0.9", "at most 0 numbers"),
        ("momentum:1.0", r"in \[0, 1\)"),
        ("momentum:-0.1", r"in \[0, 1\)"),
        ("momentum:a", "not a list of numbers"),
        ("adam:0.9,0.9,0.1,0.1", "at most 3 numbers"),
    ],
)
def test_bad_input(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        solvers.parse(text, 0.1)


@pytest.mark.parametrize("text", TWINS)
def test_no_bit_depends_on_how_many_are_stacked(text: str) -> None:
    luck = torch.Generator().manual_seed(0)
    start, *gradients = torch.randn(41, 21, 5, generator=luck)
    solver = solvers.parse(text, 0.05)

    def walked(count: int) -> torch.Tensor:
        w, state = start[:count], vmap(solver.init)(start[:count])
        for g in gradients:
            w, state = vmap(solver.step)(w, g[:count], state)
        return w

    whole = walked(21)
    assert all(torch.equal(whole[:count], walked(count)) for count in (2, 3, 8, 19))
