"""Any module of the user's: copied, never changed, and refused in one sentence where it must be."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from unalike.core import Batch, Problem
from unalike.core.model_check import check_model
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


class Failing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("the sensor is unplugged\nand much more that nobody reads")


class InPlace(Failing):
    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros(len(x), 3)
        total += self.layer(x)
        return total


class Branching(Failing):
    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return y if y.sum() > 0 else -y


class Random(Failing):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(self.layer(x), 0.5, self.training)


class Counting(Failing):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.layer(x)


class Pair(Failing):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.layer(x), x


class Mean(Failing):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).mean(0)


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (nn.Linear(6, 5), "gives 5 numbers per sample but the data have 3 classes"),
        (nn.Linear(7, 3), r"fails on samples of shape \(6,\): "),
        (nn.Unflatten(1, (2, 3)), "has no parameters to train"),
        (Failing(), r"fails on samples of shape \(6,\): the sensor is unplugged$"),
        (InPlace(), "side by side: .*Replace in-place operations"),
        (Branching(), "side by side: .*Replace Python branches on values by torch.where"),
        (Random(), "side by side: .*Draw random numbers only through nn.Dropout"),
        (Counting(), "writes its buffer 'calls'"),
        (Pair(), "gives a tuple; it must give one tensor"),
        (Mean(), r"shape \(3,\) for 2 samples"),
        (nn.Sequential(nn.LazyLinear(3)), "no shape yet"),
        (nn.Sequential(nn.Linear(6, 3), nn.AlphaDropout()), "'1' is a AlphaDropout"),
        (nn.LSTM(6, 3, num_layers=2, dropout=0.5), "set its dropout to 0"),
        (nn.InstanceNorm1d(6, affine=True, track_running_stats=True), "track_running_stats"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(module, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        check_model(Problem(module), torch.ones(2, 6), 3)
    assert "\n" not in str(error.value)


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


def test_a_sound_model_passes_and_its_buffers_are_as_before():
    problem = Problem(Constants())
    check_model(problem, torch.ones(1, 6), 3)
    check_model(problem, torch.ones(1, 6))
    counting = Problem(Counting())
    with pytest.raises(InputError):
        check_model(counting, torch.ones(1, 6), 3)
    assert counting.constants["calls"].item() == 0


def test_a_bare_loss_needs_no_check():
    problem = Problem.from_function(lambda w, x, y: (w - y).square().sum(1), torch.zeros(2))
    check_model(problem, torch.ones(1, 6), 3)
    batch = Batch(
        torch.ones(1, 6), torch.ones(1, 2), torch.ones(1), torch.tensor(1.0), torch.zeros(1)
    )
    assert problem.grad(problem.init(), batch).tolist() == [-2, -2]
