"""IFCA on parabolas with known limits, its starts and restarts, and the regression of its paper."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from contract import Contract
from method_worlds import blobs_of_several
from unalike.core import Problem
from unalike.errors import InputError
from unalike.methods import IFCA, FedAvg
from unalike.rounds import rounds
from worlds import Outcome, World, blobs, federation, quadratics

CONTRACT = Contract(down=6, up=3, up_more=6, world=blobs_of_several)

TOY = [-1.0, -1.2, 1.0, 1.3]
CLOSED = {"atol": 1e-9, "rtol": 0}


def run_from(
    world: World, method: IFCA, models: list[float], times: int, **options: int
) -> Outcome:
    """Train from these models of a single run."""
    engine = world.engine(method, **options)
    server = method.init_server(engine.problem, engine.w, engine.population)
    starts = torch.tensor(models, dtype=torch.float64).reshape(1, -1, 1)
    loop = rounds(method, engine, server._replace(models=starts), cohort=len(engine), seed=0)
    history = list(islice(loop, times))
    return Outcome(engine, history[-1].server, history)


@pytest.mark.proof("fixed point", "four parabolas, two models: -1.1 and 1.15, in both variants")
@pytest.mark.parametrize("averaging", ["models", "gradients"])
def test_limits_of_two_models(averaging: str) -> None:
    world = quadratics([1] * 4, TOY)
    method = IFCA(lr=0.5, averaging=averaging, restarts=1)  # type: ignore[arg-type]
    outcome = run_from(world, method, [-0.5, 0.2], 150)
    known = torch.tensor([-1.1, 1.15], dtype=torch.float64)
    torch.testing.assert_close(outcome.server.models.flatten(), known, **CLOSED)
    assert method.notes(outcome.server) is None
    torch.testing.assert_close(outcome.personal().flatten(), known[[0, 0, 1, 1]], **CLOSED)


@pytest.mark.proof("fixed point", "a start that nobody chooses stays: 0.025 and 6, and it is said")
def test_dead_model() -> None:
    method = IFCA(lr=0.5, restarts=1)
    outcome = run_from(quadratics([1] * 4, TOY), method, [5, 6], 60)
    known = torch.tensor([0.025, 6], dtype=torch.float64)
    torch.testing.assert_close(outcome.server.models.flatten(), known, **CLOSED)
    note = method.notes(outcome.server)
    assert note == "IFCA: of 2 models no client chose model 2 for 60 rounds."


@pytest.mark.proof("fixed point", "gradients are summed over all who took part: rate 1 - gamma / 2")
def test_scale_of_gradient_averaging() -> None:
    world = quadratics([1] * 4, TOY)
    for averaging, rate in (("models", 0.9), ("gradients", 0.95)):
        method = IFCA(lr=0.1, averaging=averaging, restarts=1)  # type: ignore[arg-type]
        first = run_from(world, method, [-0.5, 0.2], 1).server.models.flatten()
        known = torch.tensor([-1.1, 1.15]) + rate * torch.tensor([-0.5 + 1.1, 0.2 - 1.15])
        torch.testing.assert_close(first, known.double(), atol=1e-7, rtol=0)


@pytest.mark.proof("fixed point", "a model is the size-weighted mean of its users' optima")
def test_weights() -> None:
    world = quadratics([1] * 4, TOY, sizes=[3, 1, 1, 2])
    models = run_from(world, IFCA(lr=0.5, restarts=1), [-0.5, 0.2], 60).server.models.flatten()
    known = torch.tensor([(-3 - 1.2) / 4, (1 + 2.6) / 3], dtype=torch.float64)
    torch.testing.assert_close(models, known, **CLOSED)


@pytest.mark.proof("limit", "one model is FedAvg")
def test_one_model_is_fedavg() -> None:
    settings = {"batch_size": 4, "steps": 2, "cohort": 4, "dropout": 0.2}
    method = IFCA(clusters=1, restarts=1)
    ifca, fedavg = blobs().run(method, 4, **settings), blobs().run(FedAvg(), 4, **settings)
    assert torch.equal(ifca.server.models[0, 0], fedavg.server)
    assert torch.equal(ifca.personal(), fedavg.personal())
    assert "FedAvg" in str(method.vacuous(fedavg.engine.problem))
    assert IFCA(clusters=2).vacuous(fedavg.engine.problem) is None


@pytest.mark.proof("invariant", "relabelling the models relabels the result")
def test_relabelling() -> None:
    world, method = quadratics([1] * 4, TOY), IFCA(lr=0.3, restarts=1)
    forth = run_from(world, method, [-0.5, 0.2], 9).server.models
    back = run_from(world, method, [0.2, -0.5], 9).server.models
    assert torch.equal(forth.flip(1), back)


@pytest.mark.proof("invariant", "ties go to the lowest index")
def test_ties() -> None:
    outcome = run_from(quadratics([1] * 4, TOY), IFCA(lr=0.5, restarts=1), [0.3, 0.3], 1)
    assert outcome.history[0].ups.choice.flatten().tolist() == [0] * 4
    assert float(outcome.server.models[0, 1, 0]) == 0.3


@pytest.mark.proof("invariant", "models are chosen by the loss on training samples alone")
def test_choice_reads_training_samples_only() -> None:
    usual = blobs(validation=3)
    f = usual.federation
    y = f.y.clone()
    y[f.validation.values] = (y[f.validation.values] + 1) % 3
    other = World(usual.problem, replace(f, y=y, y_test=(f.y_test + 1) % 3))
    for r, s in zip(usual.run(IFCA(), 6).history, other.run(IFCA(), 6).history, strict=True):
        assert torch.equal(r.ups.choice, s.ups.choice)
    one, two = usual.run(IFCA(), 6), other.run(IFCA(), 6)
    assert torch.equal(one.personal(), two.personal())


@pytest.mark.proof("invariant", "of several runs the one with the least training loss goes on")
def test_restarts() -> None:
    world = quadratics([1] * 4, TOY)
    method = IFCA(lr=0.5, restarts=3, trial_rounds=4)
    engine = world.engine(method)
    server = method.init_server(engine.problem, engine.w, engine.population)
    assert server.models.shape == (3, 2, 1)
    starts = torch.tensor([[5.0, 6], [7, 9], [-0.5, 0.2]], dtype=torch.float64)[..., None]
    loop = rounds(method, engine, server._replace(models=starts), cohort=4, seed=0)
    history = list(islice(loop, 60))
    assert [len(r.server.models) for r in history[:5]] == [3, 3, 3, 1, 1]
    known = torch.tensor([-1.1, 1.15], dtype=torch.float64)
    torch.testing.assert_close(history[-1].server.models.flatten(), known, **CLOSED)
    early = engine.personalise(2, history[1].server)
    assert float(early[0]) < 0 < float(early[2])


def test_more_models_than_clients() -> None:
    with pytest.raises(InputError, match="clusters = 3 is more than the 2 clients"):
        quadratics([1, 1], [0, 1]).run(IFCA(clusters=3), 1)


class Line(nn.Module):
    """Linear regression that starts at a corner of the unit cube."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(features, dtype=torch.float64))

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.w.bernoulli_(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.w)[:, None]


def regression(seed: int, *, features: int = 100, clients: int = 20) -> tuple[World, Tensor]:
    """The world of the paper's linear regression with r = 1, and its two parameters [2, d]."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(2, size=(2, features)).astype(float)
    x, y = [], []
    for i in range(clients):
        samples = rng.normal(size=(100, features))
        x.append(torch.from_numpy(samples))
        y.append(torch.from_numpy(samples @ truth[i % 2] + 1e-3 * rng.normal(size=100))[:, None])
    return World(Problem(Line(features), "squared_error"), federation(x, y)), torch.from_numpy(
        truth
    )


def recovered(seed: int, restarts: int, times: int = 250) -> bool:
    """Whether both parameters are found to 1e-3."""
    world, truth = regression(seed)
    method = IFCA(lr=0.05, averaging="models", restarts=restarts, trial_rounds=20)
    models = world.run(method, times, seed=seed).server.models[0]
    return bool((torch.cdist(truth, models).amin(1) < 1e-3).all())


@pytest.mark.slow
@pytest.mark.proof("fixed point", "linear regression, r = 1: restarts recover 9 of 10 seeds")
def test_recovery_of_two_regressions() -> None:
    alone = sum(recovered(seed, restarts=1) for seed in range(10))
    with_restarts = sum(recovered(seed, restarts=8) for seed in range(10))
    assert with_restarts >= 9
    assert alone < with_restarts
