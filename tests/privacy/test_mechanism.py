"""What leaves a client and what a server sees, against closed forms."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from private_worlds import CENTRAL, LOCAL, private, run_privately, same, wide, without_rows
from unalike.core import Cohort, Problem
from unalike.errors import InputError
from unalike.functional import streams
from unalike.methods import METHODS
from unalike.privacy import Privacy, Release, with_privacy
from unalike.privacy.private_method import clipped
from worlds import SINGLE, STACKED, World, blobs, quadratics

KINDS = (CENTRAL, LOCAL)
both = pytest.mark.parametrize("privacy", KINDS, ids=lambda privacy: privacy.kind)
CLOSE: dict[str, Any] = {"atol": 1e-9, "rtol": 1e-9}
still = METHODS["fedavg"](lr=0.0)


@both
@pytest.mark.parametrize("clip", [0.3, 1.0, 100.0])
def test_an_answer_is_cut_to_the_clip_and_keeps_its_direction(
    privacy: Privacy, clip: float
) -> None:
    centres = torch.tensor([[3.0, 4.0], [0.06, 0.08], [-6.0, 8.0]], dtype=torch.float64)
    world = quadratics([torch.eye(2)] * 3, list(centres))
    outcome = run_privately(
        world, METHODS["fedavg"](lr=1.0), private(privacy, clip=clip, noise=0.0)
    )
    lengths = torch.tensor([5.0, 0.1, 10.0], dtype=torch.float64)
    factor = torch.clamp(clip / lengths, max=1)
    torch.testing.assert_close(outcome.history[0].ups, factor[:, None] * centres, **CLOSE)
    torch.testing.assert_close(outcome.server, (factor[:, None] * centres).mean(0), **CLOSE)


def test_all_leaves_are_one_vector() -> None:
    world = quadratics([1.0, 2.0], [30.0, -40.0])
    method = METHODS["scaffold"](lr=0.1)
    bare = run_privately(world, method, None).history[0].ups
    cut = run_privately(world, method, private(CENTRAL, noise=0.0)).history[0].ups
    length = torch.sqrt(bare.delta_y.square().sum(1) + bare.delta_c.square().sum(1))
    factor = (0.5 / length)[:, None]
    assert float(factor.max()) < 1
    torch.testing.assert_close(cut.delta_y, factor * bare.delta_y, **CLOSE)
    torch.testing.assert_close(cut.delta_c, factor * bare.delta_c, **CLOSE)


def test_nothing_is_divided_by_nothing() -> None:
    zero = torch.zeros(3, dtype=torch.float64)
    assert torch.equal(clipped(zero, 1.0), zero)
    assert torch.equal(clipped(zero, math.inf), zero)


def spread_of(x: torch.Tensor) -> float:
    return float(x.square().mean())


@pytest.mark.parametrize("asked", [4, 2])
def test_variance_of_the_mean_with_central_noise(asked: int) -> None:
    """(sigma C / S)^2; 20,000 numbers tell a variance to 1 %."""
    moved = run_privately(wide(), still, CENTRAL, cohort=asked).server
    assert spread_of(moved) == pytest.approx((0.8 * 0.5 / asked) ** 2, rel=0.04)
    assert float(moved.mean()) == pytest.approx(0, abs=4 * 0.8 * 0.5 / asked / math.sqrt(20_000))


@pytest.mark.parametrize("weights", [(0.25, 0.25, 0.25, 0.25), (0.7, 0.1, 0.1, 0.1)])
def test_variance_of_the_mean_with_local_noise(weights: tuple[float, ...]) -> None:
    """(sigma C)^2 sum w_i^2."""
    p = torch.tensor(weights, dtype=torch.float64)
    outcome = run_privately(wide(), still, LOCAL, weights=p)
    expected = (0.8 * 0.5) ** 2 * float(p.square().sum())
    assert spread_of(outcome.server) == pytest.approx(expected, rel=0.04)
    for up in outcome.history[0].ups:
        assert spread_of(up) == pytest.approx((0.8 * 0.5) ** 2, rel=0.04)


@both
def test_noise_is_independent_between_rounds_seeds_and_secrets(privacy: Privacy) -> None:
    def noise(**options: Any) -> torch.Tensor:
        return run_privately(wide(), still, privacy, **options).server

    first = noise()
    assert torch.equal(first, noise())
    second = noise(times=2) - first
    for other in (second, noise(seed=1), noise(secret=5)):
        correlation = float(torch.dot(first, other) / first.norm() / other.norm())
        assert abs(correlation) < 4 / math.sqrt(len(first))


def test_each_client_has_noise_of_its_own() -> None:
    ups = run_privately(wide(), still, LOCAL).history[0].ups
    correlations = torch.corrcoef(ups) - torch.eye(4)
    assert float(correlations.abs().max()) < 4 / math.sqrt(20_000)


def test_the_noise_of_a_tree_does_not_repeat_itself() -> None:
    ups = run_privately(wide(), METHODS["scaffold"](lr=1e-12), LOCAL).history[0].ups
    correlation = torch.corrcoef(torch.stack([ups.delta_y[0], ups.delta_c[0]]))[0, 1]
    assert abs(float(correlation)) < 4 / math.sqrt(20_000)


@both
def test_the_denominator_is_fixed_when_clients_drop_out(privacy: Privacy) -> None:
    outcome = run_privately(
        quadratics([1.0] * 8, list(range(1, 9))),
        METHODS["fedavg"](lr=1.0),
        private(privacy, clip=100.0, noise=0.0),
        dropout=0.5,
        seed=1,
    )
    r = outcome.history[0]
    assert 0 < len(r.cohort.ids) < 8
    total = float(r.ups.sum())
    central = privacy.kind == "central"
    assert float(outcome.server) == pytest.approx(
        total / (8 if central else len(r.cohort.ids)), rel=1e-9
    )


def test_one_client_moves_the_sum_by_twice_the_clip_at_most() -> None:
    world, method = blobs((12, 9, 30, 7)), METHODS["fedavg"](lr=5.0)
    privacy = private(CENTRAL, noise=0.0, clip=0.01)
    models = [
        run_privately(w, method, privacy, batch_size=4).server
        for w in (world, without_rows(world, 2))
    ]
    moved = float((models[0] - models[1]).norm())
    assert 0.01 / 4 < moved <= 2 * 0.01 / 4 * (1 + 1e-9)


def test_the_server_sees_two_rows_and_no_names() -> None:
    seen: list[tuple[Any, Cohort]] = []

    class Watched(METHODS["fedavg"]):  # type: ignore[misc]
        def server_update(self, server: Any, ups: Any, cohort: Cohort) -> Any:
            seen.append((ups, cohort))
            return super().server_update(server, ups, cohort)

    outcome = run_privately(quadratics([1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0]), Watched(), CENTRAL)
    ((ups, cohort),) = seen
    answers = outcome.history[0].ups
    assert ups.shape == (2, 1)
    assert not torch.isin(ups, answers).any()
    assert cohort.ids.tolist() == [-1, -1]
    assert cohort.population == 5


def test_mean_and_share_have_the_same_noise() -> None:
    """One noisy sum is released: the second number says nothing that the first does not."""
    answers = torch.randn(3, 1000, dtype=torch.float64)
    third = torch.full((3,), 1 / 3, dtype=torch.float64)
    cohort = Cohort(torch.arange(3), third, third * 3 / 10, 10)
    ups, seen = Release(CENTRAL, 4, 0)(answers, cohort, 1)
    torch.testing.assert_close(4 * seen.mean(ups), 10 * seen.share(ups), **CLOSE)
    noise = 4 * seen.mean(ups) - answers.sum(0)
    assert spread_of(noise) == pytest.approx((0.8 * 0.5) ** 2, rel=0.2)


def test_unequal_weights_are_refused_where_the_noise_is_drawn() -> None:
    weights = torch.tensor([0.4, 0.2, 0.2, 0.2], dtype=torch.float64)
    with pytest.raises(InputError, match="equal weights"):
        run_privately(wide(), still, CENTRAL, weights=weights)


@both
def test_the_first_round_s_training_is_what_it_was(privacy: Privacy) -> None:
    """Noise has streams of its own: batches and private models do not change."""
    world, method = blobs(), METHODS["ditto"]()
    options: dict[str, Any] = {"batch_size": 4, "steps": 2}
    bare = run_privately(world, method, None, **options)
    noisy = run_privately(world, method, privacy, **options)
    assert same(bare.states, noisy.states)
    assert not torch.equal(bare.server, noisy.server)


@both
def test_running_statistics_do_not_travel_beside(privacy: Privacy) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    for policy, allowed in (("share", False), ("recompute", True), ("local", True)):
        problem = Problem(net, buffers=policy)
        if allowed:
            with_privacy(METHODS["fedavg"](), privacy, problem)
            continue
        with pytest.raises(InputError, match="buffers = 'share'"):
            with_privacy(METHODS["fedavg"](), privacy, problem)


def test_normal_numbers() -> None:
    """Standard normal in their moments, the same for one key or many, and in pieces."""
    z = streams.normal(torch.tensor(3), 200_000)
    assert float(z.mean()) == pytest.approx(0, abs=0.01)
    assert spread_of(z) == pytest.approx(1, rel=0.01)
    assert float((z**4).mean()) == pytest.approx(3, rel=0.03)
    inside = float((z.abs() < 1.959964).double().mean())
    assert inside == pytest.approx(0.95, abs=0.002)
    keys = torch.arange(5)
    stacked = torch.func.vmap(lambda key: streams.normal(key, 70_000))(keys)
    assert torch.equal(stacked[3], streams.normal(keys[3], 70_000))
    assert torch.equal(z[:100], streams.normal(torch.tensor(3), 100))


@both
def test_a_world_of_single_precision(privacy: Privacy) -> None:
    """Sums, noise and clipping keep the model's own precision."""
    problem = Problem(torch.nn.Linear(6, 3))
    world = blobs()
    f = world.federation
    single = World(problem, replace(f, x=f.x.float(), x_test=f.x_test.float()))
    count = len(f.names)
    outcomes = [
        run_privately(
            single,
            METHODS["scaffold"](),
            privacy,
            2,
            weights=torch.full((count,), 1 / count),
            plan=plan,
        )
        for plan in (STACKED, SINGLE)
    ]
    assert outcomes[0].server.x.dtype == torch.float32
    torch.testing.assert_close(outcomes[0].server, outcomes[1].server, atol=1e-5, rtol=1e-5)
