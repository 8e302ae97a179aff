"""Optimisation among unlike clients: the probe against autograd, identities, clones, chance."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn.functional import cross_entropy

from unalike.diagnosis.diagnosis_result import Measure, Optimisation
from unalike.diagnosis.optimisation import MAIN_SHARE, SHORT, STEPS, _main_projection, optimisation
from unalike.diagnosis.probe import RIDGE, Probe
from unalike.diagnosis.samples import Samples, prepare_samples
from unlike_worlds import world

SIZES = (1, 2, 3, 4, 10)
"""Two of them in one block, where the smaller one is padded."""


def ragged(seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    client = rng.permutation(np.repeat(np.arange(len(SIZES)), SIZES))
    return prepare_samples(rng.normal(size=(20, 3)), rng.permutation(np.arange(20) % 3), client)


def loss(probe: Probe, rows: np.ndarray, w: torch.Tensor) -> torch.Tensor:
    z, y = torch.from_numpy(probe.z[rows]), torch.from_numpy(probe.y[rows])
    return cross_entropy(z @ w, y) + RIDGE / 2 * w.square().sum()


def watched(given: Samples, shuffles: int = 5) -> dict[str, Measure]:
    return {m.name: m for m in whole(given, shuffles).measures}


def whole(given: Samples, shuffles: int = 5) -> Optimisation:
    return optimisation(given, shuffles=shuffles, seed=0)


def test_losses_and_gradients_are_those_of_autograd() -> None:
    given = ragged()
    probe = Probe(given)
    w = np.random.default_rng(1).normal(size=(len(SIZES), *probe.start.shape))
    held = probe.deal(given.client)
    losses, gradients = probe.losses(held, w), probe.gradients(held, w)
    for i in range(len(SIZES)):
        here = torch.tensor(w[i], requires_grad=True)
        value = loss(probe, np.flatnonzero(given.client == i), here)
        value.backward()
        assert losses[i] == pytest.approx(value.item(), abs=1e-12)
        np.testing.assert_allclose(gradients[i], here.grad, atol=1e-12)


def test_local_steps_one_by_one() -> None:
    given = ragged()
    probe = Probe(given)
    held, w = probe.deal(given.client), np.random.default_rng(2).normal(size=probe.start.shape)
    here, seen = np.repeat(w[None], len(SIZES), axis=0), {}
    for k in range(1, 6):
        here = here - probe.lr * probe.gradients(held, here)
        seen[k] = here
    for k, found in zip((1, 2, 5), probe.path(held, w, (1, 2, 5)), strict=True):
        np.testing.assert_array_equal(found, seen[k])
    np.testing.assert_allclose(probe.weights @ seen[1].reshape(5, -1), _mean_step(probe, w))


def _mean_step(probe: Probe, w: np.ndarray) -> np.ndarray:
    here = torch.tensor(w, requires_grad=True)
    loss(probe, np.arange(20), here).backward()
    return (w - probe.lr * here.grad.numpy()).ravel()


def test_the_points_do_not_depend_on_who_holds_what() -> None:
    given = ragged()
    probe = Probe(given)
    for client in (given.client, np.random.default_rng(3).permutation(given.client)):
        held = probe.deal(client)
        mean = np.tensordot(probe.weights, probe.gradients(held, probe.optimum()), 1)
        assert np.abs(mean).max() < 1e-7
    step = probe.start - probe.lr * np.tensordot(
        probe.weights, probe.gradients(held, probe.start), 1
    )
    np.testing.assert_allclose(probe.descend(1), step, atol=1e-15)


def test_own_optima_are_those_of_another_solver() -> None:
    given = ragged()
    probe = Probe(given)
    held, w = probe.deal(given.client), probe.optimum()
    found = probe.losses(held, probe.own_optima(held, w, 400))
    for i in range(len(SIZES)):
        rows = np.flatnonzero(given.client == i)

        def value(flat: np.ndarray, rows: np.ndarray = rows) -> float:
            return float(loss(probe, rows, torch.from_numpy(flat.reshape(w.shape))))

        best = minimize(value, w.ravel(), method="BFGS", options={"gtol": 1e-7}).fun
        assert found[i] == pytest.approx(best, abs=1e-8)


def test_identities() -> None:
    measures = watched(prepare_samples(*world(1, samples=200, clients=4, label=0.5)[:3]))
    after = f"after {SHORT} steps"
    zeta = [measures[f"gradient dissimilarity, {point}"].value for point in ("start", after)]
    zeta.append(measures["G² at the optimum"].value)
    assert measures["SCAFFOLD's G where B = 1"].value ** 2 == pytest.approx(max(zeta))
    b = measures["FedProx's B, start"].value
    mean = zeta[0] / (b**2 - 1)
    bounded = measures["SCAFFOLD's G where B = 2"].value ** 2
    assert bounded >= zeta[0] - 3 * mean - 1e-12
    assert bounded == pytest.approx(zeta[2], rel=1e-6) or bounded > zeta[2]
    drift = measures[f"client drift, {SHORT} steps from the optimum"].value
    left = measures[f"drift left in the mean, {SHORT} steps from the optimum"].value
    lr = Probe(prepare_samples(*world(1, samples=200, clients=4, label=0.5)[:3])).lr
    rho = measures[f"average drift at the optimum, {SHORT} steps"].value
    assert rho == pytest.approx(left * drift / (lr * SHORT))


def test_diversity_is_the_square_of_b_where_clients_weigh_the_same() -> None:
    rng = np.random.default_rng(4)
    given = prepare_samples(
        rng.normal(size=(60, 3)), np.arange(60) % 3, np.repeat(np.arange(4), 15)
    )
    measures = watched(given)
    b = measures["FedProx's B, start"].value
    assert measures["gradient diversity, start"].value == pytest.approx(b**2 / 4)


def test_clones_agree_in_everything() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(20, 3)), np.arange(20) % 3
    given = prepare_samples(np.tile(x, (3, 1)), np.tile(y, 3), np.repeat(np.arange(3), 20))
    found = whole(given)
    measures = {m.name: m.value for m in found.measures}
    for name in ("gradient dissimilarity, start", "G² at the optimum"):
        assert measures[name] == pytest.approx(0, abs=1e-12)
    assert measures["FedProx's B, start"] == pytest.approx(1)
    assert measures["gradient diversity, start"] == pytest.approx(1 / 3)
    assert measures[f"cancellation ratio, {SHORT} steps from the start"] == pytest.approx(1)
    assert measures["Γ"] == pytest.approx(0, abs=1e-9)
    assert math.isnan(measures[f"Γ fused over plain, after {SHORT} steps"])
    curve = found.curves["start"]
    assert [m.value for m in curve.drift] == pytest.approx([m.value for m in curve.mean])
    assert curve.drift[0].chance > curve.mean[0].chance > 0


def test_the_first_step_is_the_gradient() -> None:
    found = whole(ragged())
    curve = found.curves["optimum"]
    assert curve.mean[0].value == pytest.approx(0, abs=1e-6)
    assert curve.steps == STEPS
    drifts = [m.value for m in curve.drift]
    assert drifts == sorted(drifts)
    probe = Probe(ragged())
    g = probe.gradients(probe.deal(ragged().client), probe.start).reshape(len(SIZES), -1)
    expected = probe.lr * probe.weights @ np.linalg.norm(g, axis=1)
    assert found.curves["start"].drift[0].value == pytest.approx(expected)


def test_reconstructions_keep_the_main_directions() -> None:
    z = np.column_stack(
        [np.random.default_rng(6).normal(size=(50, 4)) * [3, 2, 1, 0.1], np.ones(50)]
    )
    kept = _main_projection(z)
    np.testing.assert_allclose(kept @ kept, kept, atol=1e-12)
    centred = z - z.mean(0)
    assert np.square(centred @ kept).sum() >= MAIN_SHARE * np.square(centred).sum()
    assert np.trace(kept) < 4
    np.testing.assert_allclose(kept[-1], 0, atol=1e-12)


UNLIKE = (
    "G² at the optimum",
    f"average drift at the optimum, {SHORT} steps",
    f"drift left in the mean, {SHORT} steps from the optimum",
)


@pytest.mark.parametrize("skews", [{"label": 0.3}, {"concept": 1}])
def test_unlike_clients_are_more_than_chance(skews: dict[str, float]) -> None:
    measures = watched(prepare_samples(*world(1, samples=400, clients=8, **skews)), shuffles=19)
    for name in UNLIKE:
        assert measures[name].p == 1 / 20, name
        assert measures[name].value > measures[name].high
    ratio = measures[f"cancellation ratio, {SHORT} steps from the start"]
    assert ratio.p == 1 / 20
    assert ratio.value < ratio.low


def test_alike_clients_are_chance() -> None:
    p = []
    for seed in range(10):
        measures = watched(prepare_samples(*world(seed, samples=100, clients=4)), shuffles=9)
        p += [measures[name].p for name in UNLIKE]
    assert 0.3 < np.mean(p) < 0.7


def test_one_class_has_nothing_to_optimise() -> None:
    x, client = np.random.default_rng(7).normal(size=(6, 2)), np.arange(6) % 2
    assert optimisation(prepare_samples(x, np.zeros(6, int), client), shuffles=5, seed=0) is None
    constant = whole(
        prepare_samples(np.ones((6, 2)), np.array([0, 1, 0, 1, 0, 1]), np.arange(6) // 3)
    )
    assert all(math.isnan(m.p) or 0 < m.p <= 1 for m in constant.measures)


def test_everything_says_what_it_is_blind_to() -> None:
    assert all(m.blind_to and m.meaning for m in whole(ragged()).measures)
