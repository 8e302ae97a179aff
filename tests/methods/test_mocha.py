"""MOCHA's primal form against closed forms, and its dual form against its own duality gap."""

from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from contract import Contract
from method_worlds import linear_blobs
from unalike.core import Problem
from unalike.errors import InputError
from unalike.methods import MOCHA, Local
from unalike.relations import relationship
from unalike.relations.sdca import ascend
from unalike.rounds import rounds
from worlds import ROUNDING, World, blobs, federation, quadratics, samples

CONTRACT = Contract(down=2, up=1, down_more=1, world=linear_blobs)

CENTRES = [[1.0, 2.0], [-1.0, 0.5], [3.0, -2.0], [0.0, 1.0]]
OMEGA = ((2.0, -1.0, 0.0, 0.2), (-1.0, 3.0, -0.5, 0.0), (0.0, -0.5, 1.0, 0.0), (0.2, 0.0, 0.0, 0.5))


def parabolas(**options: Any) -> World:
    return quadratics([torch.eye(2)] * len(CENTRES), CENTRES, **options)


@pytest.mark.proof("fixed point", "parabolas, Omega fixed: W = (I + lam Omega)^-1 B, rows w_t")
@pytest.mark.parametrize("lam", [0.0, 0.5, 3.0])
def test_fixed_relation(lam: float) -> None:
    method = MOCHA(lr=0.8 / (1 + 8 * lam), lam=lam, omega=OMEGA)
    w = parabolas(sizes=[1, 5, 2, 1]).run(method, 60, steps=12).server.w
    omega, b = torch.tensor(OMEGA, dtype=torch.float64), torch.tensor(CENTRES, dtype=torch.float64)
    known = torch.linalg.solve(torch.eye(4, dtype=torch.float64) + lam * omega, b)
    torch.testing.assert_close(w, known, atol=1e-9, rtol=0)


@pytest.mark.proof("fixed point", "mean-regularised: w_t = mean + (b_t - mean) / (1 + lam)")
@pytest.mark.parametrize(("lam", "start"), [(0.0, (0, 0)), (0.5, (0, 0)), (9.0, (0.75, 0.375))])
def test_mean_regularised(lam: float, start: tuple[float, float]) -> None:
    method = MOCHA(lr=0.9 / (1 + 1.5 * lam), lam=lam, relation="mean")
    outcome = parabolas(start=start).run(method, 40, steps=9)
    b = torch.tensor(CENTRES, dtype=torch.float64)
    known = b.mean(0) + (b - b.mean(0)) / (1 + lam)
    torch.testing.assert_close(outcome.personal(), known, atol=1e-9, rtol=0)


@pytest.mark.proof("limit", "lam = 0 is Local")
def test_no_tie_is_local() -> None:
    settings = {"batch_size": 4, "steps": 2, "cohort": 4}
    mocha = blobs().run(MOCHA(lam=0), 6, **settings)
    local = blobs().run(Local(), 6, **settings)
    torch.testing.assert_close(mocha.personal(), local.personal(), **ROUNDING)
    assert "Local" in str(MOCHA(lam=0).vacuous(local.engine.problem))
    assert MOCHA().vacuous(local.engine.problem) is None


def objective(w: Tensor, omega: Tensor, lam: float) -> float:
    b = torch.tensor(CENTRES, dtype=torch.float64)
    return float(0.5 * ((w - b) ** 2).sum() + lam / 2 * (w * (omega @ w)).sum())


@pytest.mark.proof("invariant", "all tasks may move at once: no round raises the objective")
def test_rounds_never_raise_the_objective() -> None:
    coupled = tuple(tuple(float(v) for v in row) for row in (np.ones((4, 4)) + 0.01 * np.eye(4)))
    method = MOCHA(lr=0.02, lam=5.0, omega=coupled)
    world = parabolas(start=[0.7, -0.4])
    values = [
        objective(r.server.w, torch.tensor(coupled, dtype=torch.float64), 5.0)
        for r in world.run(method, 20, steps=20).history
    ]
    assert (np.diff(values) <= 1e-12).all()


@pytest.mark.proof("invariant", "the learned precision is the inverse of a trace-one relation")
def test_learned_relation() -> None:
    history = blobs().run(MOCHA(every=2), 6, batch_size=4).history
    seen = [r.server.relation for r in history]
    assert [torch.equal(a, b) for a, b in pairwise(seen)] == [
        False, True, False, True, False,
    ]  # fmt: skip
    for r in history[1::2]:
        sigma = torch.linalg.inv(r.server.relation)
        assert float(sigma.trace()) == pytest.approx(1)
        torch.testing.assert_close(sigma, relationship.learned(r.server.w, 0.05))


@pytest.mark.proof("fixed point", "a new client is drawn to the mean of all models, weight lam")
def test_newcomer() -> None:
    world = quadratics(
        [torch.eye(2)] * 5, [*CENTRES, [4.0, 4.0]], start=[0.75, 0.375], newcomers=[4]
    )
    method = MOCHA(lr=0.2, lam=1.5, relation="mean", adapt_epochs=60)
    outcome = world.run(method, 40, steps=5)
    mean = torch.tensor(CENTRES, dtype=torch.float64).mean(0)
    known = (torch.tensor([4.0, 4.0]).double() + 1.5 * mean) / 2.5
    adapted = outcome.engine.adapt(40, outcome.server)[0]
    torch.testing.assert_close(adapted, known, atol=1e-8, rtol=0)


def hinge(problem: Problem, w: Tensor, x: Tensor, y: Tensor) -> float:
    """Mean hinge loss, one class against the rest."""
    scores = problem.logits(w, x)
    signs = 2.0 * nn.functional.one_hot(y, scores.shape[1]) - 1
    return float((1 - signs * scores).clamp(min=0).sum(1).mean())


def primal(world: World, w: Tensor, sigma: Tensor, lam: float) -> float:
    """sum_t F_t(w_t) + lam / 2 tr(W' Sigma^-1 W), worked out from the data."""
    f, total = world.federation, 0.0
    for i in range(len(w)):
        rows = f.train.rows(i)
        total += hinge(world.problem, w[i], f.x[rows], f.y[rows])
    return total + lam / 2 * float((w * torch.linalg.solve(sigma, w)).sum())


LAM = 0.5
SMALL = (6, 4, 5, 3)
DUAL = MOCHA(form="dual", lam=LAM, relation="independent")


@pytest.mark.proof("fixed point", "one sample: alpha = lam y / (rho sigma |x|^2), to float64's end")
def test_one_coordinate_step() -> None:
    problem = Problem(nn.Linear(2, 2, bias=False).double())
    x, y = torch.tensor([[3.0, 1.0]]).double(), torch.tensor([0])
    start, curvature = torch.zeros(4).double(), torch.tensor(0.7, dtype=torch.float64)
    lam = 0.1  # no number of float32
    found = ascend(problem, start, torch.zeros(1, 2).double(), curvature, lam, samples(x, y))
    dual = lam / (0.7 * 10)
    assert found.alpha.tolist()[0] == pytest.approx([dual, -dual], rel=1e-14)
    known = [0.7 / lam * dual * part for part in (3, 1, -3, -1)]
    assert found.w.tolist() == pytest.approx(known, rel=1e-14)


@pytest.mark.proof("invariant", "duality gap >= 0, falls to nothing; no other W is better")
@pytest.mark.parametrize("omega", [(), OMEGA])
def test_gap(omega: Any) -> None:
    world = linear_blobs(SMALL)
    method = MOCHA(form="dual", lam=LAM, relation="independent", omega=omega)
    outcome = world.run(method, 25, steps=2)
    gaps = [float(r.server.gap) for r in outcome.history]
    assert min(gaps) > -1e-9
    assert gaps[0] == pytest.approx(4 * 3)  # W = 0: every hinge loss is 1
    assert gaps[-1] < 0.02 * gaps[0]
    assert method.notes(outcome.server) == (
        f"MOCHA: the duality gap before this round was {gaps[-1]:.3g}."
    )
    server = outcome.server
    best = primal(world, server.w, server.relation, LAM)
    draw = torch.Generator().manual_seed(0)
    for _ in range(20):
        other = server.w + 0.05 * torch.randn(server.w.shape, generator=draw, dtype=torch.float64)
        assert primal(world, other, server.relation, LAM) > best - gaps[-1]


@pytest.mark.proof("invariant", "the reported gap is primal less dual of the data themselves")
def test_gap_is_primal_less_dual() -> None:
    world = linear_blobs(SMALL)
    engine = world.engine(DUAL, steps=2, batch_size=5)
    server = DUAL.init_server(engine.problem, engine.w, engine.population)
    for r in islice(rounds(DUAL, engine, server, cohort=4, seed=0), 5):
        before, alpha = r.server, engine.states.alpha.clone()
    gap = primal(world, before.w, before.relation, LAM)
    for i, size in enumerate(world.federation.train.sizes):
        labels = world.federation.y[world.federation.train.rows(i)]
        signs = 2.0 * nn.functional.one_hot(labels, 3) - 1
        mine = alpha[i, :size] * signs
        assert float(mine.min()) >= 0
        assert float(mine.max()) <= 1
        gap -= float(mine.sum(1).mean())
    gap += LAM / 2 * float((before.w * torch.linalg.solve(before.relation, before.w)).sum())
    again = next(iter(rounds(DUAL, engine, before, cohort=4, seed=0, first=6))).server
    assert float(again.gap) == pytest.approx(gap, abs=1e-9)


@pytest.mark.proof("invariant", "W = Sigma B / lam after every update of Sigma")
def test_w_follows_sigma() -> None:
    method = MOCHA(form="dual", lam=LAM, every=2)
    history = linear_blobs(SMALL).run(method, 6, cohort=3).history
    for r in history:
        torch.testing.assert_close(r.server.w, r.server.relation @ r.server.b / LAM)
        assert float(torch.linalg.eigvalsh(r.server.relation)[0]) > 0
        assert float(r.server.relation.trace()) == pytest.approx(1)
    assert not torch.equal(history[0].server.relation, history[-1].server.relation)
    whole = linear_blobs(SMALL).run(method, 12)
    assert min(float(r.server.gap) for r in whole.history) > -1e-9


@pytest.mark.proof("limit", "Sigma = I/m: m support vector machines on their own, with lam m")
def test_independent_tasks() -> None:
    together = linear_blobs(SMALL).run(DUAL, 15)
    alone = MOCHA(form="dual", lam=4 * LAM, relation="independent")
    f = together.engine.federation
    for i in range(4):
        rows = f.train.rows(i)
        world = federation([f.x[rows]], [f.y[rows]], classes=3)
        single = World(together.engine.problem, world).run(alone, 15)
        bound = float(together.server.gap + single.server.gap) / LAM  # strong convexity
        gap = (together.server.w[i] - single.server.w[0]).square().sum()
        assert float(gap) < bound < 0.5
        assert float(single.server.w.square().sum()) > 2 * bound


@pytest.mark.proof("fixed point", "one sample a class: the margin is met exactly, w = y x / |x|^2")
def test_one_sample() -> None:
    layer = nn.Linear(2, 2, bias=False).double()
    x = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    world = World(Problem(layer), federation([x], [torch.tensor([1])], classes=2))
    w = world.run(MOCHA(form="dual", lam=0.01, relation="independent"), 1).server.w.reshape(2, 2)
    torch.testing.assert_close(w, torch.tensor([[-1.0], [1.0]]).double() * x / 25)


@pytest.mark.proof("invariant", "groups of opposite tasks: positive within, negative across")
def test_groups() -> None:
    rng = np.random.default_rng(0)
    x = [torch.from_numpy(rng.normal(size=(20, 3))) for _ in range(4)]
    y = [((x[i][:, 0] > 0) ^ (i > 1)).to(torch.int64) for i in range(4)]
    world = World(Problem(nn.Linear(3, 2).double()), federation(x, y, classes=2))
    for form in ("dual", "primal"):
        method = MOCHA(form=form, lam=0.01, lr=0.5, every=5)  # type: ignore[arg-type]
        relation = world.run(method, 15, batch_size=10).server.relation
        sigma = relation if form == "dual" else torch.linalg.inv(relation)
        assert float(sigma[0, 1]) > 0 < float(sigma[2, 3])
        assert bool((sigma[:2, 2:] < 0).all())


def test_what_cannot_be() -> None:
    with pytest.raises(InputError, match="form = 'dual' needs a linear model"):
        blobs().run(MOCHA(form="dual"), 1)
    with pytest.raises(InputError, match="form = 'dual' needs a linear model"):
        quadratics([1], [0]).run(DUAL, 1)
    with pytest.raises(InputError, match="lam above 0"):
        MOCHA(form="dual", lam=0)
    with pytest.raises(InputError, match="relation = 'mean'"):
        MOCHA(form="dual", relation="mean")
    with pytest.raises(InputError, match="4 rows of 4 numbers"):
        parabolas().run(MOCHA(omega=((1.0,),)), 1)
    for entry in (2.0, -2.0):
        broken = ((1.0, entry), (entry if entry < 0 else 0.0, 1.0))
        with pytest.raises(InputError, match="must be symmetric and have no negative"):
            quadratics([1, 1], [0, 1]).run(MOCHA(omega=broken), 1)
