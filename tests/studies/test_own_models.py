"""Studies of networks that people bring: from arrays to a result, with the first call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import unalike
from unalike import Federation

N = 80
NAMES = np.repeat(["north", "south", "west", "east"], [30, 22, 20, 8])


def federation(shape: tuple[int, ...], classes: int, whole: bool = False) -> Federation:
    """Four clients of different sizes, the last of them with a single class."""
    rng = np.random.default_rng(0)
    y = np.arange(N) % classes
    y[-8:] = 0
    x: Any = rng.normal(size=(N, *shape)) + y.reshape(-1, *[1] * len(shape))
    if whole:
        x = rng.integers(11, size=(N, *shape))
    return Federation.from_arrays(x, y, client=NAMES)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.memory, self.head = nn.LSTM(6, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.memory(x)[0][:, -1])


def one_output(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))


class Two(nn.Module):
    """The same network with the logits (0, z)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = one_output()

    def forward(self, x: Tensor) -> Tensor:
        z = self.body(x)
        return torch.cat([torch.zeros_like(z), z], 1)


def study(net: Any, clients: Federation, **options: Any) -> unalike.Result:
    return unalike.compare(clients, model=net, rounds=2, seeds=1, **options)


MODELS: dict[str, tuple[Any, Federation, str | None]] = {
    "batch normalisation of vectors": (
        nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)),
        federation((6,), 3),
        "1 batch normalisation layer",
    ),
    "an LSTM": (Recurrent(), federation((12, 6), 3), "trained one by one"),
    "a linear layer": (nn.Linear(8, 3), federation((8,), 3), None),
    "lazy layers": (
        nn.Sequential(nn.LazyLinear(5), nn.LazyBatchNorm1d(), nn.LazyLinear(3)),
        federation((6,), 3),
        None,
    ),
    "an embedding": (
        nn.Sequential(nn.Embedding(11, 4), nn.Flatten(), nn.Linear(20, 3)),
        federation((5,), 3, whole=True),
        None,
    ),
}


@pytest.mark.parametrize("kind", MODELS)
def test_own_networks_train(kind: str) -> None:
    net, clients, remark = MODELS[kind]
    result = study(net, clients, methods="fedavg,local")
    values = result.frame.pivot_table(index="method", columns="metric", values="value")
    assert set(values.index) == {"fedavg", "local"}
    assert np.isfinite(values["personalised_accuracy_last"]).all()
    if remark is not None:
        assert any(remark in said for said in result.remarks)


@pytest.mark.parametrize(
    "loss",
    [
        None,
        pytest.param("binary_cross_entropy", marks=pytest.mark.slow),
        nn.BCEWithLogitsLoss(),
    ],
    ids=["usual", "name", "torch"],
)
@pytest.mark.slow
def test_one_output_is_measured_as_two_in_everything(loss: Any) -> None:
    clients, methods = federation((6,), 2), "fedavg,scaffold,fedem,fedmtl,fedper,ditto,local"
    one = study(one_output(), clients, methods=methods, loss=loss).frame
    two = study(Two(), clients, methods=methods).frame
    keys = ["method", "seed", "client", "metric"]
    timed = one.metric.str.contains("second|memory|time")
    one, two = (frame[~timed].sort_values(keys).reset_index(drop=True) for frame in (one, two))
    assert len(one) > 50
    pd.testing.assert_frame_equal(one, two, atol=1e-5, rtol=1e-5)


def test_what_cannot_be_trained_leaves_nothing_behind(tmp_path: Any) -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)
            self.register_buffer("n", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.n = self.n + 1
            return self.layer(x) / self.n

    with pytest.raises(unalike.InputError, match="writes its buffer 'n'"):
        study(Counting(), federation((6,), 3), methods="fedavg", out=tmp_path / "study")
    assert not (tmp_path / "study").exists()
    with pytest.raises(unalike.InputError, match="--compile is for models whose clients can be"):
        study(Recurrent(), federation((12, 6), 3), methods="fedavg", compile=True)


@pytest.mark.slow
def test_methods_with_second_derivatives_are_left_out_aloud_where_there_are_none() -> None:
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return 2 * x

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, slope: Tensor) -> Tensor:
            return 2 * slope

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return Once.apply(self.layer(x).tanh())

    clients, heard = federation((6,), 3), []
    with pytest.raises(unalike.InputError, match="Net has no second derivatives here"):
        study(Net(), clients, methods="fedavg,uga")
    unalike.compare(
        clients,
        model=Net(),
        methods="all",
        rounds=1,
        seeds=1,
        tell=lambda said: heard.append(said.remark or ""),
    )
    left_out = {said.split()[0] for said in heard if "second derivatives" in said}
    assert "uga" in left_out
    assert "fedavg" not in left_out
