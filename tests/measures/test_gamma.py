"""Gamma and its exact decomposition."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fusedspacefed_worlds import fused_world
from unalike.core import Problem
from unalike.measures.gamma import decompose, gamma, gradients
from unalike.methods import FusedSpaceFed
from unalike.models.fused import FusedNet
from worlds import World, federation

HALVES = torch.tensor([0.5, 0.5], dtype=torch.float64)


def rows(*values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_two_clients_that_fusing_brings_together() -> None:
    found = decompose(rows((1, 0), (-1, 0)), rows((0.5, 0), (-0.5, 0)), HALVES)
    assert found[:4] == (1, 0.25, -1, 0.25)
    assert found.calibrated


@pytest.mark.parametrize("seed", range(5))
def test_the_decomposition_is_exact_for_any_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    g, h = torch.from_numpy(rng.normal(size=(2, 7, 11)))
    q = torch.from_numpy(rng.dirichlet(np.ones(7)))
    found = decompose(g, h, q)
    assert found.original + found.residual + found.coupling == pytest.approx(found.fused, rel=1e-13)
    assert found.residual > 0
    assert found.calibrated == (found.fused < found.original)
    pairs = (g[:, None] - g[None]).square().sum(2)
    assert found.original == pytest.approx(float(q @ pairs @ q) / 2, rel=1e-13)


def test_a_negative_coupling_alone_is_not_enough() -> None:
    found = decompose(rows((1,), (-1,)), rows((-2,), (2,)), HALVES)
    assert found[:4] == (1, 9, -6, 4)
    assert not found.calibrated


def test_nothing_fused_changes_nothing() -> None:
    g = rows((1, 2), (3, -1))
    assert decompose(g, g, HALVES)[1:3] == (0, 0)


def test_gradients_that_vanish_cancel_all_of_it() -> None:
    found = decompose(rows((1, 2), (3, -1)), torch.zeros(2, 2).double(), HALVES)
    assert found.original > 0
    assert found[1:4] == (found.original, -2 * found.original, 0)
    assert np.isnan(found.relative_fused)


def test_single_precision_is_summed_in_double() -> None:
    g = torch.full((2, 1), 1e4) + torch.tensor([[-(2.0**-10)], [2.0**-10]])
    assert gamma(g, torch.tensor([0.5, 0.5])) == 2.0**-20


def test_relative_to_the_mean_gradient() -> None:
    found = decompose(rows((1, 1), (3, 1)), rows((1, 0), (1, 0)), HALVES)
    assert found.relative_original == pytest.approx(1 / 5)
    assert found.relative_fused == 0


def measured(world: World, method: FusedSpaceFed, times: int = 0, **options: Any) -> Any:
    """The clients' g and h [N, C] after so many rounds."""
    outcome = world.run(method, times, **options)
    engine = outcome.engine
    server = outcome.server

    def work(down: Any, client: Any, batches: Any) -> Any:
        w = method.personalise(engine.problem, down, client, batches)
        return gradients(engine.problem, w, batches)

    downs = engine.broadcast(server, np.arange(len(engine)))
    return engine._map(work, "measure", 0, engine.rows, downs, engine.states)[0]


def test_of_a_federation() -> None:
    world = fused_world()
    g, h = measured(world, FusedSpaceFed(), 2, batch_size=4)
    f, problem = world.federation, world.problem
    trained = world.run(FusedSpaceFed(), 2, batch_size=4)
    w = trained.personal()[2]
    views = problem.layout.views(w)
    x, y = f.x[f.train.rows(2)], f.y[f.train.rows(2)]
    code = torch.tanh(x @ views["encoder.0.weight"].T + views["encoder.0.bias"])
    z = x + code @ views["decoder.weight"].T + views["decoder.bias"]
    for seen, found in ((x, g[2]), (z, h[2])):
        logits = seen @ views["classifier.weight"].T + views["classifier.bias"]
        wrong = (logits.softmax(1) - nn.functional.one_hot(y, 3)) / len(y)
        exact = torch.cat([(wrong.T @ seen).reshape(-1), wrong.sum(0)])
        torch.testing.assert_close(found, exact, atol=1e-12, rtol=1e-9)
    q = trained.engine.population.weights
    found = decompose(g, h, q)
    assert found.original + found.residual + found.coupling == pytest.approx(found.fused, rel=1e-12)


@pytest.mark.parametrize("eps", [1e-14, 1e-5])
def test_a_perfect_autoencoder_disappears_behind_a_classifier_that_normalises(eps: float) -> None:
    """x~ = x gives z = 2 x, which a convolution without bias under GroupNorm does not notice."""
    rng = np.random.default_rng(0)
    x = [torch.from_numpy(rng.normal(size=(4, 1, 4, 4))) for _ in range(3)]
    y = [torch.from_numpy(rng.integers(2, size=4)) for _ in range(3)]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        classifier = nn.Sequential(
            nn.Conv2d(1, 4, 3, bias=False),
            nn.GroupNorm(2, 4, eps=eps),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16, 2),
        )
    perfect = nn.Conv2d(1, 1, 1)
    nn.init.ones_(perfect.weight)
    nn.init.zeros_(perfect.bias)
    net = FusedNet(perfect, perfect_again(perfect), classifier).double()
    world = World(Problem(net), federation(x, y, classes=2))
    g, h = measured(world, FusedSpaceFed(), w=world.problem.init())
    gap = float((g - h).norm() / g.norm())
    assert gap < 1e-9 if eps < 1e-9 else 1e-7 < gap < 0.1


def perfect_again(layer: nn.Conv2d) -> nn.Conv2d:
    twin = nn.Conv2d(1, 1, 1)
    twin.load_state_dict(layer.state_dict())
    return twin
