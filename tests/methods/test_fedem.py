"""FedEM: two lines in one cloud, the likelihood that never falls, and the ways it can go wrong."""

from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from contract import Contract
from unalike.core import Problem
from unalike.methods import FedAvg, FedEM
from unalike.methods.fedem import Personal
from unalike.rounds import rounds
from worlds import ROUNDING, Outcome, World, blobs, federation, whole_batch

CONTRACT = Contract(down=3, up=3)

SHARES = [0.9, 0.7, 0.5, 0.3, 0.1, 0.6]
NOISE = 0.1


def two_lines(shares: list[float] = SHARES, *, newcomers: tuple[int, ...] = ()) -> World:
    """200 points a client on y = 2x (that share of them) and y = -1.5x; w is the slope."""
    rng = np.random.default_rng(0)
    x, y = [], []
    for share in shares:
        at = rng.uniform(-1, 1, 200)
        slope = np.where(rng.random(200) < share, 2.0, -1.5)
        x.append(torch.from_numpy(at))
        y.append(torch.from_numpy(slope * at + NOISE * rng.normal(size=200)))

    def loss(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (y - w[0] * x) ** 2 / (2 * NOISE**2)

    problem = Problem.from_function(loss, torch.zeros(1, dtype=torch.float64))
    return World(problem, federation(x, y, newcomers=newcomers))


def run_from(
    world: World, method: FedEM, theta: list[float], times: int, **options: int
) -> Outcome:
    """Train from these components."""
    engine = world.engine(method, **options)
    server = torch.tensor(theta, dtype=torch.float64)[:, None]
    history = list(islice(rounds(method, engine, server, cohort=len(engine), seed=0), times))
    return Outcome(engine, history[-1].server, history)


METHOD = FedEM(lr=0.02, components=2)


@pytest.mark.proof("fixed point", "y = 2x and y = -1.5x are found to 0.01, and who holds how much")
def test_two_lines() -> None:
    outcome = run_from(two_lines(), METHOD, [0.5, -0.5], 60)
    known = torch.tensor([[2.0], [-1.5]], dtype=torch.float64)
    torch.testing.assert_close(outcome.server, known, atol=0.01, rtol=0)
    pi = outcome.personal().pi
    torch.testing.assert_close(pi[:, 0], torch.tensor(SHARES).double(), atol=0.09, rtol=0)


@pytest.mark.proof("fixed point", "one round is an E-step and a gradient step of the pooled losses")
def test_one_round_by_hand() -> None:
    world, theta = two_lines(), torch.tensor([0.5, -0.5], dtype=torch.float64)
    outcome = run_from(world, METHOD, theta.tolist(), 1)
    x, y = world.federation.x, world.federation.y
    losses = (y - theta[:, None] * x) ** 2 / (2 * NOISE**2)
    q = torch.exp(-losses) / torch.exp(-losses).sum(0)
    gradient = (q * -(y - theta[:, None] * x) * x / NOISE**2).mean(1)
    torch.testing.assert_close(outcome.server[:, 0], theta - 0.02 * gradient, atol=1e-9, rtol=1e-9)
    pi = q.reshape(2, 6, 200).mean(2).T
    torch.testing.assert_close(outcome.states.pi, pi, atol=1e-6, rtol=0)


def likelihood(world: World, theta: Tensor, pi: Tensor) -> float:
    """Sum of log sum_m pi_m exp(-loss_m) over all samples."""
    x, y = world.federation.x, world.federation.y
    losses = (y - theta * x) ** 2 / (2 * NOISE**2)  # [M, n]
    own = pi.log().repeat_interleave(200, 0).T
    return float(torch.logsumexp(own - losses, 0).sum())


@pytest.mark.proof("invariant", "the likelihood never falls")
def test_likelihood() -> None:
    world = two_lines()
    engine = world.engine(METHOD)
    server = torch.tensor([[0.5], [-0.5]], dtype=torch.float64)
    loop = rounds(METHOD, engine, server, cohort=6, seed=0)
    found = [likelihood(world, r.server, engine.states.pi) for r in islice(loop, 60)]
    assert (np.diff(found) >= -1e-6).all()
    assert found[-1] > found[0] + 1000


@pytest.mark.proof("limit", "one component is FedAvg")
def test_one_component_is_fedavg() -> None:
    settings = {"batch_size": 4, "steps": 2, "cohort": 4, "dropout": 0.2}
    method = FedEM(components=1)
    fedem, fedavg = blobs().run(method, 4, **settings), blobs().run(FedAvg(), 4, **settings)
    torch.testing.assert_close(fedem.server[0], fedavg.server, **ROUNDING)
    torch.testing.assert_close(fedem.personal().theta[:, 0], fedavg.personal(), **ROUNDING)
    assert torch.equal(fedem.states.pi, torch.ones(6, 1, dtype=torch.float64))
    assert "FedAvg" in str(method.vacuous(fedavg.engine.problem))
    assert FedEM().vacuous(fedavg.engine.problem) is None


@pytest.mark.proof("invariant", "equal components stay equal: starts must differ, and do")
def test_symmetry_trap() -> None:
    outcome = run_from(two_lines(), METHOD, [0.3, 0.3], 10)
    assert torch.equal(outcome.server[0], outcome.server[1])
    torch.testing.assert_close(outcome.states.pi, torch.full((6, 2), 0.5).double())
    engine = blobs().engine(FedEM())
    starts = FedEM().init_server(engine.problem, engine.w, engine.population)
    assert torch.equal(starts[0], engine.w)
    assert min(float((starts[i] - starts[j]).norm()) for i, j in [(0, 1), (0, 2), (1, 2)]) > 0.1


@pytest.mark.proof("invariant", "permuting the components permutes models and shares")
def test_permutation() -> None:
    forth = run_from(two_lines(), METHOD, [0.5, -0.5], 8, batch_size=20)
    back = run_from(two_lines(), METHOD, [-0.5, 0.5], 8, batch_size=20)
    torch.testing.assert_close(forth.server.flip(0), back.server, atol=1e-10, rtol=0)
    torch.testing.assert_close(forth.states.pi.flip(1), back.states.pi, atol=1e-10, rtol=0)


@pytest.mark.proof("fixed point", "shares are the mean responsibilities of the own samples alone")
def test_shares_of_few_and_many_samples() -> None:
    world = blobs()
    outcome = world.run(METHOD, 1, batch_size=4)
    engine, train = outcome.engine, world.federation.train
    theta = METHOD.init_server(engine.problem, engine.w, engine.population)
    for client, pi in enumerate(outcome.states.pi):
        own = train.rows(client)
        batch = whole_batch(world.federation.x[own], world.federation.y[own])
        losses = torch.stack([world.problem.losses(w, batch) for w in theta])
        torch.testing.assert_close(pi, torch.softmax(-losses, 0).mean(1), atol=1e-12, rtol=0)


@pytest.mark.proof("invariant", "shares are above the floor and sum to 1")
def test_shares() -> None:
    outcome = run_from(two_lines([1.0, 0.0]), FedEM(lr=0.02, components=2, floor=0.01), [2, -1], 30)
    for pi in (outcome.states.pi, outcome.personal().pi):
        torch.testing.assert_close(pi.sum(1), torch.ones(2, dtype=torch.float64))
        assert float(pi.min()) == pytest.approx(0.01 / 1.01, rel=0.2)


@pytest.mark.proof("fixed point", "a new client learns its shares by E-steps and changes no model")
def test_newcomers() -> None:
    world = two_lines([*SHARES, 0.8], newcomers=(6,))
    outcome = run_from(world, METHOD, [0.5, -0.5], 40)
    adapted = outcome.engine.adapt(40, outcome.server)
    assert torch.equal(adapted.theta[0], outcome.server)
    x, y = (v[world.federation.train.rows(6)] for v in (world.federation.x, world.federation.y))
    weights = torch.exp(-((y - outcome.server * x) ** 2) / (2 * NOISE**2))  # [M, n]
    pi = torch.full((2,), 0.5, dtype=torch.float64)
    for _ in range(200):
        pi = (pi[:, None] * weights / (pi @ weights)).mean(1)
    torch.testing.assert_close(adapted.pi[0], pi, atol=1e-6, rtol=0)


@pytest.mark.proof("fixed point", "probabilities are mixed, not logits")
def test_probabilities_are_mixed() -> None:
    problem = Problem(nn.Linear(4, 3).double())
    theta = torch.randn(2, 15, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pi, x = torch.tensor([0.2, 0.8], dtype=torch.float64), torch.eye(4, dtype=torch.float64)
    found = FedEM().predict(problem, Personal(theta, pi), x)
    each = [torch.softmax(problem.logits(row, x), -1) for row in theta]
    torch.testing.assert_close(found.exp(), 0.2 * each[0] + 0.8 * each[1])
    labels = Problem(nn.Linear(4, 3).double(), "binary_cross_entropy")
    found = FedEM().predict(labels, Personal(theta, pi), x)
    each = [torch.sigmoid(problem.logits(row, x)) for row in theta]
    torch.testing.assert_close(found.sigmoid(), 0.2 * each[0] + 0.8 * each[1])
    numbers = Problem(nn.Linear(4, 3).double(), "squared_error")
    found = FedEM().predict(numbers, Personal(theta, pi), x)
    torch.testing.assert_close(
        found, torch.einsum("m,mbc->bc", pi, torch.stack([problem.logits(row, x) for row in theta]))
    )


@pytest.mark.proof("invariant", "a batch is divided by its size, not by its responsibilities")
def test_batches_add_up() -> None:
    world = two_lines()
    whole = run_from(world, METHOD, [0.5, -0.5], 1).server
    tiny = run_from(
        world, FedEM(lr=0.02 * 1e-6, components=2), [0.5, -0.5], 1, batch_size=20
    ).server
    start = torch.tensor([[0.5], [-0.5]], dtype=torch.float64)
    torch.testing.assert_close((tiny - start) / 1e-5, whole - start, atol=1e-4, rtol=1e-3)
