"""Any module of the user's is copied and never changed."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from unalike.core import Batch, Problem
from unalike.core.model_check import prepare
from unalike.core.module_fit import ModuleFit
from unalike.errors import InputError
from unalike.methods import FedAvg
from worlds import SINGLE, STACKED, World, blobs


def trained(module: nn.Module) -> Tensor:
    """A round of FedAvg with this module on 6 features and 3 classes, stacked and single."""
    here = World(Problem(module.double()), blobs().federation)
    stacked, single = (
        here.run(FedAvg(lr=0.1), 1, batch_size=4, plan=plan).server for plan in (STACKED, SINGLE)
    )
    torch.testing.assert_close(stacked, single, atol=1e-9, rtol=1e-9)
    return stacked


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.out = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.second(torch.tanh(self.first(x)))))


class Constants(nn.Module):
    """Float, integer and boolean buffers, nested, with a list of layers and a bare parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.linspace(0.5, 1.5, 6))
        self.register_buffer("order", torch.tensor([5, 4, 3, 2, 1, 0]))
        self.register_buffer("used", torch.tensor([True] * 5 + [False]))
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(6, 6), nn.ELU()) for _ in range(2)])
        self.last = nn.ModuleDict({"out": nn.Linear(6, 3)})
        self.shift = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        x = (x * self.scale)[:, self.order] * self.used
        for layer in self.layers:
            x = x + layer(x)
        return self.last["out"](x) + self.shift


def test_tied_weights_appear_once_and_stay_tied():
    module = Tied()
    problem = Problem(module)
    assert problem.layout.names.count("first.weight") == 1
    assert "second.weight" not in problem.layout.names
    x = torch.randn(4, 6)
    torch.testing.assert_close(problem.logits(problem.init(), x), module(x))
    doubled = problem.init()
    doubled[: module.first.weight.numel()] *= 2
    with torch.no_grad():
        module.first.weight *= 2
    torch.testing.assert_close(problem.logits(doubled, x), module(x))
    assert torch.isfinite(trained(Tied())).all()


def test_buffers_of_all_kinds_and_nested_modules_train():
    module = Constants().double()
    problem = Problem(module)
    x = torch.randn(4, 6, dtype=torch.float64)
    torch.testing.assert_close(problem.logits(problem.init(), x), module(x))
    assert torch.isfinite(trained(Constants())).all()


def test_frozen_parameters_are_constants():
    module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    module[0].requires_grad_(False)
    problem = Problem(module)
    assert problem.layout.names == ("2.weight", "2.bias")
    x = torch.randn(4, 6, dtype=torch.float64)
    torch.testing.assert_close(problem.logits(problem.init(), x), module(x))
    assert len(problem.init(3)) == 18
    assert len(trained(module)) == 18


def test_the_users_module_is_never_changed():
    module = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3))
    module.double().eval()
    before = copy.deepcopy(module.state_dict())
    kinds = [type(part) for part in module]
    trained(module)
    assert not module.training
    assert [type(part) for part in module] == kinds
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(p.grad is None for p in module.parameters())


def test_a_bare_layer_and_a_shared_layer_are_models_too():
    x = torch.randn(5, 6)
    layer = nn.BatchNorm1d(6)
    torch.testing.assert_close(
        Problem(layer).logits(Problem(layer).init(), x), copy.deepcopy(layer)(x)
    )
    norm = nn.BatchNorm1d(6)
    twice = nn.Sequential(norm, nn.Linear(6, 6), norm)
    problem = Problem(twice)
    assert len(problem.batch_norm_layers) == 1
    torch.testing.assert_close(problem.logits(problem.init(), x), copy.deepcopy(twice)(x))


def test_a_frozen_model_and_mixed_types_are_refused():
    with pytest.raises(InputError, match="all its parameters are frozen"):
        Problem(nn.Linear(2, 2).requires_grad_(False))
    mixed = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())
    with pytest.raises(InputError, match="mixes parameters of float32, float64"):
        Problem(mixed)


def test_a_batchnorm_of_the_users_own_kind_is_refused():
    class Mine(nn.BatchNorm1d):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    with pytest.raises(InputError, match=r"of its own kind \(Mine\)"):
        Problem(nn.Sequential(nn.Linear(2, 2), Mine(2)))


def test_a_sound_model_is_taken_as_it_is():
    problem = Problem(Constants())
    assert prepare(problem, torch.ones(1, 6), torch.zeros(1).long(), 3).fit == ModuleFit(
        "Constants"
    )
    assert prepare(problem, torch.ones(1, 6)) is prepare(problem, torch.ones(1, 6))


def test_a_bare_loss_needs_no_check():
    problem = Problem.from_function(lambda w, x, y: (w - y).square().sum(1), torch.zeros(2))
    assert prepare(problem, torch.ones(1, 6), torch.ones(1, 2), 3) is problem
    batch = Batch(
        torch.ones(1, 6), torch.ones(1, 2), torch.ones(1), torch.tensor(1.0), torch.zeros(1)
    )
    assert problem.grad(problem.init(), batch).tolist() == [-2, -2]
