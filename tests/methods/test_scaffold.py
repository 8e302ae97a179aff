"""SCAFFOLD reaches the true optimum where FedAvg cannot, and its control variates add up."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from contract import Contract
from unalike.core import Batches, average
from unalike.methods import FedAvg, Scaffold
from unalike.rounds import Round, rounds
from worlds import ROUNDING, World, blobs, fixed_point, quadratics

CONTRACT = Contract(down=2, up=2)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
HALF = torch.tensor([0.5, 0.5], dtype=torch.float64)
both_options = pytest.mark.parametrize("option", ["I", "II"])


@pytest.mark.proof("fixed point", "sum p a c / sum p a, where FedAvg drifts to -0.4600")
@both_options
def test_optimum(option: str) -> None:
    world = quadratics([0.5, 1, 1.5], [0, 1, -2])
    w = world.run(Scaffold(lr=0.3, option=option), 40, steps=5).server.x
    assert float(w) == pytest.approx(-2 / 3, abs=1e-9)
    drifted = fixed_point(FedAvg(lr=0.05), [0.5, 1, 1.5], [0, 1, -2], steps=30)
    assert drifted == pytest.approx(-0.46, abs=5e-5)


@pytest.mark.proof("fixed point", "the optimum for unequal numbers of local steps, K = (1, 9)")
@both_options
def test_unequal_steps(option: str) -> None:
    world = quadratics([1, 4], [0, 1], sizes=[1, 9])
    options = {"batch_size": 1, "weights": HALF}
    w = world.run(Scaffold(lr=0.2, option=option), 40, **options).server.x
    assert float(w) == pytest.approx(0.8, abs=1e-9)
    drifted = fixed_point(FedAvg(lr=0.05), [1, 4], [0, 1], sizes=[1, 9], **options)
    assert drifted == pytest.approx(0.9454, abs=5e-5)


@pytest.mark.proof("fixed point", "sizes 9 and 1: the weighted optimum 0.3077, not the plain 0.8")
@both_options
def test_weighted_objective(option: str) -> None:
    world = quadratics([1, 4], [0, 1], sizes=[9, 1])
    w = world.run(Scaffold(lr=0.1, option=option), 50, steps=5).server.x
    assert float(w) == pytest.approx(4 / 13, abs=1e-9)
    assert float(w) == pytest.approx(0.3077, abs=5e-5)


@pytest.mark.proof("fixed point", "exact with 3 of 6 clients a round and some of them missing")
def test_partial_participation() -> None:
    rng = np.random.default_rng(0)
    matrices = [np.diag(rng.uniform(0.5, 2, 2)) + 0.2 for _ in range(6)]
    centres = [rng.normal(size=2) for _ in range(6)]
    sizes = [1, 2, 3, 1, 2, 3]
    world = quadratics(matrices, centres, sizes=sizes)
    outcome = world.run(Scaffold(lr=0.3), 200, cohort=3, dropout=0.2, steps=5)
    p = np.asarray(sizes) / sum(sizes)
    best = np.linalg.solve(
        sum(w * a for w, a in zip(p, matrices, strict=True)),
        sum(w * a @ c for w, a, c in zip(p, matrices, centres, strict=True)),
    )
    torch.testing.assert_close(outcome.server.x, torch.from_numpy(best), **CLOSED)


def watch(world: World, method: Scaffold, times: int, **options: int | float) -> Iterator[Round]:
    """The rounds of a training whose clients can be looked at in between."""
    engine = world.engine(method, steps=2, batch_size=4)
    server = method.init_server(engine.problem, engine.w, engine.population)
    loop = rounds(method, engine, server, seed=1, **options)
    for _, r in zip(range(times), loop, strict=False):
        mean = engine.population.weights @ engine.states.c_i
        torch.testing.assert_close(r.server.c, mean, atol=1e-14, rtol=0)
        yield r


@pytest.mark.proof("invariant", "c is the weighted mean of all c_i, whoever takes part")
@both_options
def test_control_variates_add_up(option: str) -> None:
    method = Scaffold(lr=0.1, option=option, server_lr=0.7)
    seen = list(watch(blobs(), method, 12, cohort=3, dropout=0.3))
    assert {len(r.cohort.ids) for r in seen} >= {2, 3}
    assert seen[-1].server.c.norm() > 1e-3


@pytest.mark.proof("limit", "the first round is FedAvg's")
@both_options
def test_first_round_is_fedavg(option: str) -> None:
    first = blobs().run(Scaffold(lr=0.1, option=option), 1, batch_size=4, steps=3).server.x
    plain = blobs().run(FedAvg(lr=0.1), 1, batch_size=4, steps=3).server
    torch.testing.assert_close(first, plain, **ROUNDING)


@pytest.mark.proof("limit", "one step at full participation is gradient descent, from any c")
@both_options
def test_one_step_is_gradient_descent(option: str) -> None:
    world = quadratics([0.5, 2, 5], [0, 1, -2], sizes=[2, 3, 5], start=1.0)
    w = 1.0
    for r in world.run(Scaffold(lr=0.1, option=option), 6).history:
        w -= 0.1 * (0.2 * 0.5 * w + 0.3 * 2 * (w - 1) + 0.5 * 5 * (w + 2))
        assert float(r.server.x) == pytest.approx(w, abs=1e-12)


@pytest.mark.proof(
    "invariant", "option II: delta_c = -c - delta_y / (K eta), so the server knows it"
)
def test_uplink_can_be_rebuilt() -> None:
    outcome = blobs().run(Scaffold(lr=0.1), 3, batch_size=4, steps=2)
    before, last = outcome.history[1].server, outcome.history[2]
    steps = 2 * np.ceil(outcome.engine.federation.train.sizes / 4)
    rebuilt = -before.c - last.ups.delta_y / (torch.from_numpy(steps)[:, None] * 0.1)
    torch.testing.assert_close(last.ups.delta_c, rebuilt, atol=1e-13, rtol=0)


@pytest.mark.proof("invariant", "option I: c_i is the client's gradient at the broadcast model")
def test_option_one() -> None:
    outcome = blobs().run(Scaffold(option="I"), 2, batch_size=4)
    engine, broadcast = outcome.engine, outcome.history[0].server.x

    def own(w: torch.Tensor, client: object, batches: Batches) -> torch.Tensor:
        return average(lambda batch: engine.problem.grad(w, batch), batches)

    at = broadcast.expand(6, -1)
    exact = engine._map(own, "test", 0, engine.rows, at, outcome.states)[0]
    torch.testing.assert_close(outcome.states.c_i, exact, **CLOSED)


@pytest.mark.proof("limit", "server_lr = 0.5 goes half the way in the first round")
def test_server_learning_rate() -> None:
    whole = blobs().run(Scaffold(), 1, batch_size=4)
    half = blobs().run(Scaffold(server_lr=0.5), 1, batch_size=4)
    start = whole.engine.w
    torch.testing.assert_close(half.server.x - start, (whole.server.x - start) / 2, **CLOSED)
    assert torch.equal(half.server.c, whole.server.c)


@pytest.mark.proof("invariant", "everybody predicts with x, and clients report how far they moved")
def test_one_model() -> None:
    outcome = blobs().run(Scaffold(), 2, batch_size=4)
    assert torch.equal(outcome.personal(), outcome.server.x.expand(6, -1))
    assert torch.equal(Scaffold().global_model(outcome.server), outcome.server.x)
    assert Scaffold().displacement(outcome.history[-1].ups) is outcome.history[-1].ups.delta_y
