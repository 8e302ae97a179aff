"""Cox's likelihood, Harrell's C-index and Kaplan and Meier's curve against lifelines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import concordance_index
from torch import Tensor

from task_samples import MAKERS
from unalike.measures.baseline_hazard import breslow
from unalike.tasks import CoxLoss
from unalike.tasks.survival import Survival

pytestmark = pytest.mark.filterwarnings("ignore:Starting with pandas version 4")  # in lifelines


def patients(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Covariates [n, 2] and y [n, 2], with several events at the same time."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    time = np.ceil(4 * rng.exponential(np.exp(-x @ [0.8, -0.4])))
    return x, np.stack([time, rng.random(n) < 0.7], 1)


def fitted(weights: np.ndarray | None = None) -> tuple[Tensor, Tensor, float, CoxPHFitter]:
    x, y = patients(60)
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "time": y[:, 0], "event": y[:, 1]})
    weighted = {}
    if weights is not None:
        frame["weight"] = weights
        weighted = {"weights_col": "weight"}
    cox = CoxPHFitter().fit(frame, "time", "event", fit_options={"precision": 1e-12}, **weighted)
    at = x @ cox.params_.to_numpy()
    return torch.from_numpy(x), torch.from_numpy(y), cox.log_likelihood_, (cox, at)


def log_likelihood(risk: Tensor, y: Tensor, weight: Tensor) -> float:
    return -float(CoxLoss().ratio(risk, y, weight).numerator)


def test_likelihood_of_a_batch_with_ties() -> None:
    _, y, known, (cox, at) = fitted()
    assert len(np.unique(y[y[:, 1] > 0][:, 0])) < int(y[:, 1].sum()) / 2
    ones = torch.ones(60, dtype=torch.float64)
    found = log_likelihood(torch.from_numpy(at), y, ones)
    assert found == pytest.approx(known, rel=1e-9)
    same_risk = log_likelihood(torch.zeros(60, dtype=torch.float64), y, ones)
    gained = cox.log_likelihood_ratio_test().test_statistic
    assert 2 * (found - same_risk) == pytest.approx(gained, rel=1e-9)
    loss = CoxLoss().ratio(torch.from_numpy(at), y, ones)
    assert float(loss.denominator) == y[:, 1].sum()


def test_likelihood_with_weights() -> None:
    weights = np.random.default_rng(3).integers(1, 4, 60)
    _, y, known, (_, at) = fitted(weights)
    found = log_likelihood(torch.from_numpy(at), y, torch.from_numpy(weights).double())
    assert found == pytest.approx(known, rel=1e-9)


def test_a_batch_is_the_product_over_events_by_hand() -> None:
    risk = torch.tensor([0.3, -0.2, 0.9, 0.1], dtype=torch.float64)
    y = torch.tensor([[2.0, 1], [2, 1], [1, 0], [3, 0]], dtype=torch.float64)
    r0, r1, _, r3 = risk.exp().tolist()
    whole, tied = r0 + r1 + r3, r0 + r1
    known = np.log(r0 * r1 / (whole * (whole - tied / 2)))
    ones = torch.ones(4, dtype=torch.float64)
    assert log_likelihood(risk, y, ones) == pytest.approx(known, rel=1e-12)
    assert float(CoxLoss().total(risk, y, ones)) == pytest.approx(-known / 2, rel=1e-12)


def test_gradient_and_curvature_against_finite_differences() -> None:
    _, y = patients(12, seed=1)
    rng = np.random.default_rng(2)
    risk = torch.from_numpy(rng.normal(size=12)).requires_grad_()
    weight = torch.from_numpy(np.where(rng.random(12) < 0.2, 0, rng.random(12) + 0.5))
    truth = torch.from_numpy(y)

    def loss(risk: Tensor) -> Tensor:
        return CoxLoss().total(risk, truth, weight)

    assert (weight == 0).any()
    assert torch.autograd.gradcheck(loss, [risk], atol=1e-7)
    assert torch.autograd.gradgradcheck(loss, [risk], atol=1e-6)


def test_the_gradient_vanishes_where_lifelines_has_fitted() -> None:
    x, y, _, (cox, _) = fitted()
    beta = torch.from_numpy(cox.params_.to_numpy().copy()).requires_grad_()
    CoxLoss().total(x @ beta, y, torch.ones(60, dtype=torch.float64)).backward()
    assert beta.grad.abs().max() < 1e-6


def test_stacked_batches_are_as_single_ones() -> None:
    batches = [patients(15, seed) for seed in range(3)]
    x = torch.stack([torch.from_numpy(x) for x, _ in batches])
    y = torch.stack([torch.from_numpy(y) for _, y in batches])
    weight = torch.ones(3, 15, dtype=torch.float64)
    weight[1, 9:], weight[2, :] = 0, 0

    def loss(beta: Tensor, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        return CoxLoss().total(x @ beta, y, weight)

    beta = torch.tensor([0.4, 0.1], dtype=torch.float64)
    both = torch.func.grad_and_value(loss)
    gradients, losses = torch.func.vmap(both, in_dims=(None, 0, 0, 0))(beta, x, y, weight)
    for i in range(3):
        gradient, value = both(beta, x[i], y[i], weight[i])
        torch.testing.assert_close(gradients[i], gradient, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(losses[i], value, rtol=1e-12, atol=1e-14)
    assert float(losses[2]) == 0
    assert not gradients[2].any()


def test_risks_far_apart_stay_finite() -> None:
    risk = torch.tensor([500.0, 0, -500, 300], requires_grad=True)
    y = torch.tensor([[1.0, 1], [2, 1], [3, 1], [3, 1]])
    loss = CoxLoss().total(risk, y, torch.ones(4))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(risk.grad).all()
    assert float(loss.detach()) == pytest.approx((300 + 800 - np.log(2)) / 4, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_c_index_of_200_censored_samples_with_ties(seed: int) -> None:
    task, output, y = MAKERS["survival"](200, 1.0, seed)
    assert len(np.unique(output)) < 120
    assert len(np.unique(y[:, 0])) < 120
    found = task.scores(task.counts(output, y, np.zeros(200), np.asarray([120, 80])))
    for at, part in enumerate((slice(120), slice(120, None))):
        known = concordance_index(y[part, 0], -output[part, 0], y[part, 1])
        assert found["c_index"][at] == pytest.approx(known, rel=1e-12)


def test_c_index_of_many_samples_is_compared_in_parts() -> None:
    task, output, y = MAKERS["survival"](1500, 1.0, 0)
    assert y[:, 1].sum() > 1000
    found = task.scores(task.counts(output, y, np.zeros(1500), np.asarray([1500])))
    known = concordance_index(y[:, 0], -output[:, 0], y[:, 1])
    assert found["c_index"][0] == pytest.approx(known, rel=1e-12)


def test_clients_together_compare_nobody_with_another_clients_samples() -> None:
    task, output, y = MAKERS["survival"](200, 1.0, 0)
    sizes = np.asarray([150, 50])
    moved = output.copy()
    moved[:150] += 100  # another model: its risks are on another scale
    plain, shifted = (
        task.scores(task.pooled(out, y, np.zeros(200), sizes))["c_index"][0]
        for out in (output, moved)
    )
    assert plain == shifted
    whole = task.scores(task.counts(moved, y, np.zeros(200), np.asarray([200])))["c_index"][0]
    assert whole != pytest.approx(plain, abs=0.01)


def test_kaplan_meier() -> None:
    _, y = patients(80, seed=4)
    known = KaplanMeierFitter().fit(y[:, 0], y[:, 1])
    found = Survival().curve(y)
    steps = known.survival_function_["KM_estimate"]
    np.testing.assert_allclose(found.share, steps.loc[found.times].to_numpy(), rtol=1e-12)
    assert found.median == known.median_survival_time_
    assert f"{found.median:.3g}" in Survival().baseline(y).text
    never = Survival().curve(np.asarray([[1.0, 1], [2, 0], [3, 0]]))
    assert np.isinf(never.median)


def test_survival_is_that_of_lifelines_with_the_same_coefficients() -> None:
    """With ties, and with samples that leave before their event."""
    x, y, _, (cox, at) = fitted()
    hazard = breslow(at, y.numpy()[:, 0], y.numpy()[:, 1] > 0.5)
    covariates = pd.DataFrame(x[:7].numpy(), columns=["a", "b"])
    known = cox.predict_survival_function(covariates).loc[hazard.times].to_numpy().T
    found = hazard.survival(at[:7], hazard.times)
    np.testing.assert_allclose(found, known, rtol=1e-9)
    between = (hazard.times[1:] + hazard.times[:-1]) / 2
    assert np.array_equal(hazard.survival(at[:7], between), found[:, :-1])
    assert (hazard.survival(at[:7], hazard.times[:1] / 2) == 1).all()
    assert hazard.last == y.numpy()[:, 0].max()


def test_survival_of_risks_that_no_number_can_hold() -> None:
    far = np.array([900.0, -900.0, 0.0])
    hazard = breslow(far, np.array([1.0, 2.0, 3.0]), np.array([True, True, False]))
    found = hazard.survival(far, np.array([1.0, 2.0]))
    assert found[0] == pytest.approx([np.exp(-1), 0])
    assert found[2] == pytest.approx([1, np.exp(-1)])
    none = breslow(np.zeros(2), np.ones(2), np.zeros(2, bool))
    assert (none.survival(np.zeros(1), np.array([0.5])) == 1).all()
