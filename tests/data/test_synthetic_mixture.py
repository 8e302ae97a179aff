"""FedEM's synthetic mixture is the one of its recipe, and its results come out again."""

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from unalike.data.sources.source import TEST, TRAIN
from unalike.data.sources.synthetic_mixture import synthetic_mixture

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fedem_mixture.py"


def test_the_recipe() -> None:
    arrays = synthetic_mixture(tests=2)
    assert arrays.client is not None
    training = arrays.part == TRAIN
    sizes = np.bincount(arrays.client[training])
    assert training.sum() == 67_758
    assert len(sizes) == 300
    assert 50 <= sizes.min() < 60
    assert sizes.max() == 1000
    assert np.bincount(arrays.client[arrays.part == TEST]).tolist() == [2] * 300
    assert arrays.x.shape == (67_758 + 600, 150)
    assert arrays.y.mean() == pytest.approx(0.5, abs=0.02)
    again = synthetic_mixture(tests=2)
    assert np.array_equal(arrays.x, again.x)
    assert np.array_equal(arrays.y, again.y)


@pytest.mark.slow
def test_clients_follow_three_linear_labellers() -> None:
    arrays = synthetic_mixture()
    assert arrays.client is not None
    x, y = arrays.x.astype(np.float64), 2.0 * arrays.y - 1
    # The mean of y x is the client's mixture of labellers, up to noise: three directions in all.
    means = np.stack([(y[:, None] * x)[arrays.client == i].mean(0) for i in range(300)])
    sizes = np.bincount(arrays.client)
    spectrum = np.linalg.svd(means[sizes > 500], compute_uv=False)
    assert spectrum[2] > 1.5 * spectrum[3]
    assert spectrum[3] < 1.2 * spectrum[4]


@cache
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fedem_mixture", EXAMPLE)
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_runs() -> None:
    clients = example().federation(5)
    for method in example().methods().values():
        each = example().accuracies(method, clients, times=1, seed=0)
        assert each.shape == (300,)
        assert 0.45 < each.mean() < 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mean", "decile"),
    [("local", 65.5, 57.3), ("fedavg", 71.7, 69.8), ("fedem", 84.8, 74.6)],
)
def test_known_results_within_a_point_and_a_half(name: str, mean: float, decile: float) -> None:
    method = example().methods()[name]
    each = example().accuracies(method, example().federation(500), times=200, seed=0)
    assert 100 * each.mean() == pytest.approx(mean, abs=1.5)
    assert 100 * example().bottom_decile(each) == pytest.approx(decile, abs=1.5)
