"""pFedMe: proximal points, their inexact solution, and the Moreau envelope's optimum."""

from pathlib import Path

import numpy as np
import pytest
import torch

from contract import Contract
from unalike.api.compare import run_study
from unalike.core import average
from unalike.methods import FedAvg, PFedMe
from unalike.privacy import Privacy
from unalike.privacy.private_method import with_privacy
from unalike.robust.median import CoordinateMedian
from unalike.robust.robust_method import with_robust
from unalike.study.settings import read_study
from unalike.study.solver_residuals import SOLVED, solver_residuals
from worlds import blobs, fixed_point, quadratics

SHARED = "global_accuracy"
ALL = np.arange(3)
CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}


def moved(method: PFedMe) -> float:
    """Where a round takes w = 3 with f = (w - 1)^2: a = 2, c = 1."""
    return float(quadratics([2], [1], start=3.0).run(method, 1).server)


@pytest.mark.proof("fixed point", "K steps: theta = 2.771352, w = 3 - .075 (3 - theta) = 2.982851")
def test_inexact_proximal_point() -> None:
    method = PFedMe(lam=15.0, lr=0.005, personal_lr=0.03, inner_steps=5, local_rounds=1)
    theta = (2 + 15 * 3) / 17
    inexact = theta + (1 - 0.03 * 17) ** 5 * (3 - theta)
    assert inexact == pytest.approx(2.771352, abs=5e-7)
    assert moved(method) == pytest.approx(3 - 0.075 * (3 - inexact), abs=1e-12)
    assert moved(method) == pytest.approx(2.982851, abs=5e-7)


@pytest.mark.proof("fixed point", "theta = (a c + lambda w) / (a + lambda) = 2.764706")
def test_personal_model() -> None:
    method = PFedMe(lam=15.0, personal_lr=0.05, solve_steps=40)
    personal = quadratics([2, 5], [1, 0], start=3.0).run(method, 0).personal()
    exact = torch.tensor([[47 / 17], [45 / 20]], dtype=torch.float64)
    torch.testing.assert_close(personal, exact, **CLOSED)
    assert float(personal[0]) == pytest.approx(2.764706, abs=5e-7)


@pytest.mark.proof("fixed point", "theta_K = theta + (1 - rho (a + lambda))^K (w - theta)")
@pytest.mark.parametrize("steps", [1, 3])
def test_personal_model_after_few_steps(steps: int) -> None:
    method = PFedMe(lam=15.0, personal_lr=0.03, solve_steps=steps)
    personal = quadratics([2], [1], start=3.0).run(method, 0).personal()
    theta = 47 / 17
    assert float(personal) == pytest.approx(theta + 0.49**steps * (3 - theta), abs=1e-12)


@pytest.mark.proof(
    "fixed point", "exact theta: e_R = (1 - eta kappa)^R e, kappa = lambda a / (...)"
)
@pytest.mark.parametrize("local_rounds", [1, 4])
@pytest.mark.parametrize("by_epochs", [False, True])
def test_moreau_descent(local_rounds: int, by_epochs: bool) -> None:
    method = PFedMe(
        lam=15.0,
        lr=0.05,
        personal_lr=0.05,
        inner_steps=40,
        local_rounds=0 if by_epochs else local_rounds,
    )
    world = quadratics([2], [1], start=3.0)
    w = world.run(method, 1, steps=local_rounds if by_epochs else 1).server
    kappa = 30 / 17
    assert kappa == pytest.approx(1.764706, abs=5e-7)
    assert float(w) == pytest.approx(1 + (1 - 0.05 * kappa) ** local_rounds * 2, abs=1e-9)


@pytest.mark.proof("fixed point", "weights p (1 - (1 - eta kappa)^R), the same for every beta")
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_fixed_point(beta: float) -> None:
    method = PFedMe(lam=15.0, lr=0.05, personal_lr=0.05, inner_steps=150, beta=beta, local_rounds=3)
    w = fixed_point(method, [0.5, 2, 5], [0, 1, -2], sizes=[2, 3, 5])
    a, c, p = np.asarray([0.5, 2, 5]), np.asarray([0, 1, -2]), np.asarray([0.2, 0.3, 0.5])
    weights = p * (1 - (1 - 0.05 * 15 * a / (15 + a)) ** 3)
    assert w == pytest.approx((weights * c).sum() / weights.sum(), abs=1e-9)


@pytest.mark.proof("limit", "lambda to infinity: a gradient step on f, with an error of a / lambda")
def test_large_lambda() -> None:
    errors = []
    for lam in (1e3, 1e4):
        method = PFedMe(lam=lam, lr=0.1, personal_lr=1 / (2 + lam), inner_steps=1, local_rounds=1)
        errors.append(moved(method) - (3 - 0.1 * 2 * (3 - 1)))
    assert 0 < errors[0] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.01)


@pytest.mark.proof("limit", "lambda to zero: theta is the client's own optimum")
def test_small_lambda() -> None:
    method = PFedMe(lam=1e-11, personal_lr=0.2, solve_steps=120)
    personal = quadratics([2, 5], [1, -4], start=3.0).run(method, 0).personal()
    exact = torch.tensor([[1.0], [-4.0]], dtype=torch.float64)
    torch.testing.assert_close(personal, exact, **CLOSED)


@pytest.mark.proof("invariant", "theta minimises f + lambda/2 |theta - w|^2, and is not w_R or w")
def test_theta_on_a_network() -> None:
    method = PFedMe(lam=5.0, lr=0.05, personal_lr=0.1, solve_steps=150)
    outcome = blobs((9, 14)).run(method, 2, batch_size=4)
    engine, theta = outcome.engine, outcome.personal()

    def gradient(at, client, batches):  # type: ignore[no-untyped-def]
        return average(lambda batch: engine.problem.grad(at, batch), batches)

    g = engine._map(gradient, "test", 0, engine.rows, theta, outcome.states)[0]
    pull = 5.0 * (theta - outcome.server)
    assert pull.norm(dim=1).min() > 0.1
    torch.testing.assert_close(g + pull, torch.zeros_like(g), atol=1e-9, rtol=0)
    last = outcome.history[-1].ups
    local_copy = outcome.history[0].server + last
    assert (theta - local_copy).norm(dim=1).min() > 1e-3
    assert torch.equal(method.displacement(last), last)


@pytest.mark.proof("invariant", "each inner solve starts again at the local copy of w")
def test_restarted_inner_solve() -> None:
    method = PFedMe(lam=15.0, lr=0.02, personal_lr=0.03, inner_steps=2, local_rounds=3)
    w = 3.0
    for _ in range(3):
        theta = (2 + 15 * w) / 17
        theta += 0.49**2 * (w - theta)
        w -= 0.02 * 15 * (w - theta)
    assert moved(method) == pytest.approx(w, abs=1e-12)


@pytest.mark.proof("limit", "beta = 2 goes twice the way")
def test_beta() -> None:
    once, twice = (blobs().run(PFedMe(beta=beta), 1, batch_size=4) for beta in (1.0, 2.0))
    start = once.engine.w
    torch.testing.assert_close(twice.server - start, 2 * (once.server - start), **CLOSED)


@pytest.mark.proof("fixed point", "any curvature a: theta = (a c + lambda w) / (a + lambda)")
@pytest.mark.parametrize("a", [1e-3, 1.0, 24.0, 1e4])
def test_defaults_solve_any_curvature(a: float) -> None:
    """With the paper's step, 0.09, curvatures above 7.2 have personal models that fly away."""
    world = quadratics([a], [1], start=3.0)
    exact = (a + 15 * 3) / (a + 15)
    assert float(world.run(PFedMe(), 0).personal()) == pytest.approx(exact, abs=1e-3)
    away = abs(float(world.run(PFedMe(preset="paper"), 0).personal()) - exact)
    assert (away > 10) == (a > 7.2)


@pytest.mark.proof("fixed point", "eta = 1 / lambda takes w to theta_K")
def test_default_step_of_the_local_copy() -> None:
    w = moved(PFedMe(lam=15.0, personal_lr=0.03, local_rounds=1))
    theta = 47 / 17
    assert w == pytest.approx(theta + 0.49**5 * (3 - theta), abs=1e-12)


@pytest.mark.proof("invariant", "the preset `paper` is eta = 0.005 and rho = 0.09")
def test_preset_of_the_paper() -> None:
    preset, given = (
        blobs().run(method, 2, batch_size=4)
        for method in (PFedMe(preset="paper"), PFedMe(lr=0.005, personal_lr=0.09))
    )
    assert torch.equal(preset.server, given.server)
    assert torch.equal(preset.personal(), given.personal())
    assert not torch.equal(preset.server, blobs().run(PFedMe(), 2, batch_size=4).server)


@pytest.mark.proof("fixed point", "after K steps |1 - rho (a + lambda)|^K of the gradient is left")
@pytest.mark.parametrize("steps", [1, 3])
def test_residual(steps: int) -> None:
    method = PFedMe(lam=15.0, personal_lr=0.03, solve_steps=steps)
    outcome = quadratics([2, 5], [1, 0], start=3.0).run(method, 0)
    left = outcome.engine.residuals(0, outcome.server)
    expected = [(1 - 0.03 * 17) ** steps, (1 - 0.03 * 20) ** steps]
    assert left.tolist() == pytest.approx(expected, abs=1e-12)
    assert quadratics([2], [3], start=3.0).run(method, 0).engine.residuals(
        0, torch.full((1,), 3.0, dtype=torch.float64)
    ).tolist() == [0.0]  # solved where it starts


@pytest.mark.parametrize("around", ["privacy", "robust"])
def test_residual_with_something_around_the_method(around: str) -> None:
    method, world = PFedMe(preset="paper"), quadratics([2, 5, 60], [1, 0, 2], start=3.0)
    wrapped = (
        with_privacy(method, Privacy(kind="central", clip=1.0, noise=0.1), world.problem)
        if around == "privacy"
        else with_robust(method, CoordinateMedian(), world.problem, cohort=3)
    )
    outcome = world.run(wrapped, 1)
    engine, t = outcome.engine, outcome.engine.rounds
    known = world.run(method, 0).engine.residuals_from(t, engine.delivered(outcome.server, ALL))
    assert torch.equal(engine.residuals(t, outcome.server), known)
    assert "1 of 3" in solver_residuals(engine, outcome.server, t)["unsolved"]


def test_who_is_not_solved_is_said() -> None:
    paper = quadratics([2, 60], [1, 0], start=3.0).run(PFedMe(preset="paper"), 0)
    found = solver_residuals(paper.engine, paper.server, paper.engine.rounds)
    assert found["residual"][0] < SOLVED < 1 < found["residual"][1]  # 60 > 2 / rho - lambda
    assert "1 of 2 clients do not solve" in found["unsolved"]
    assert "preset = adaptive" in found["unsolved"]
    ours = quadratics([2, 60], [1, 0], start=3.0).run(PFedMe(), 0)
    assert "unsolved" not in solver_residuals(ours.engine, ours.server, ours.engine.rounds)
    assert solver_residuals(ours.engine, ours.server, ours.engine.rounds + 1) == {}
    other = quadratics([2], [1], start=3.0).run(FedAvg(), 0)
    assert solver_residuals(other.engine, other.server, other.engine.rounds) == {}


@pytest.mark.slow
def test_personal_models_are_as_good_as_their_start_on_every_seed_of_the_demo(
    tmp_path: Path,
) -> None:
    """All clients train, so that the shared model's pooled test samples are the clients' own."""
    study = read_study(Path("examples/demo.toml"), {"methods": "pfedme", "new_clients": 0.0})
    scores = run_study(study, tmp_path / "demo", jobs=2).frame.query("method == 'pfedme'")
    wide = scores[scores["client"] == "all"].pivot(index="seed", columns="metric", values="value")
    assert len(wide) == study.seeds
    for when in ("best", "last"):
        own, start = (f"{name}_{when}" for name in ("personalised_accuracy_weighted", SHARED))
        assert (wide[own] >= wide[start]).all()
