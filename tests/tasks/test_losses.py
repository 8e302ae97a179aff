"""Losses against PyTorch's own, closed forms, and batches with garbage for padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from task_samples import MAKERS
from unalike.errors import InputError
from unalike.tasks import Loss, SampleLoss
from unalike.tasks.regression import Regression

LOSSES = [(name, loss) for name, make in MAKERS.items() for loss in make(2, 1.0, 0)[0].losses]
COUPLED = {("survival", "cox")}


def batch(name: str, n: int = 9) -> tuple[Tensor, Tensor]:
    _, output, truth = MAKERS[name](n, 1.0, 5)
    return torch.from_numpy(output).double(), torch.from_numpy(truth)


def loss_of(name: str, loss: str) -> Loss:
    return MAKERS[name](2, 1.0, 0)[0].loss(loss)


def with_gradient(loss: Loss, output: Tensor, y: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    output = output.clone().requires_grad_()
    total = loss.total(output, y, weight)
    return total.detach(), torch.autograd.grad(total, output)[0]


@pytest.mark.parametrize(("name", "kind"), LOSSES)
def test_padding_has_no_effect_whatever_stands_there(name: str, kind: str) -> None:
    loss, (output, y) = loss_of(name, kind), batch(name)
    weight = torch.ones(9, dtype=torch.float64)
    plain, gradient = with_gradient(loss, output, y, weight)
    garbage = 10**6 if y.dtype == torch.int64 else float("nan")
    padded_output = torch.cat([torch.full_like(output[:3], float("nan")), output])
    padded_y = torch.cat([torch.full_like(y[:3], garbage), y])
    padded_weight = torch.cat([torch.zeros(3, dtype=torch.float64), weight])
    found, spread = with_gradient(loss, padded_output, padded_y, padded_weight)
    torch.testing.assert_close(found, plain, rtol=1e-14, atol=0)
    torch.testing.assert_close(spread[3:], gradient, rtol=1e-14, atol=1e-16)
    assert gradient.abs().max() > 1e-3
    assert not spread[:3].any()


@pytest.mark.parametrize(("name", "kind"), LOSSES)
def test_a_batch_of_padding_has_no_loss(name: str, kind: str) -> None:
    loss, (output, y) = loss_of(name, kind), batch(name)
    found, gradient = with_gradient(loss, output, y, torch.zeros(9, dtype=torch.float64))
    assert found == 0
    assert not gradient.any()


@pytest.mark.parametrize(("name", "kind"), LOSSES)
def test_ratios_of_parts_add_up_unless_samples_are_coupled(name: str, kind: str) -> None:
    loss, (output, y) = loss_of(name, kind), batch(name)
    weight = torch.linspace(0.5, 2, 9, dtype=torch.float64)
    whole = loss.ratio(output, y, weight)
    parts = [loss.ratio(output[s], y[s], weight[s]) for s in (slice(4), slice(4, None))]
    torch.testing.assert_close(whole.denominator, sum(p.denominator for p in parts))
    assert loss.couples == ((name, kind) in COUPLED)
    if loss.couples:
        assert loss.each(output, y) is None
        assert not torch.isclose(whole.numerator, sum(p.numerator for p in parts))
        return
    torch.testing.assert_close(whole.numerator, sum(p.numerator for p in parts))
    each = loss.each(output, y)
    assert each.shape == (9,)
    torch.testing.assert_close(whole.numerator, (each * weight).sum())


@pytest.mark.parametrize(("name", "kind"), LOSSES)
def test_stacked_batches_are_as_single_ones(name: str, kind: str) -> None:
    loss = loss_of(name, kind)
    output, y = (torch.stack(parts) for parts in zip(batch(name), batch(name), strict=True))
    output[1] *= -0.5
    weight = torch.ones(2, 9, dtype=torch.float64)
    weight[1, 5:] = 0
    both = torch.func.grad_and_value(loss.total)
    gradients, totals = torch.func.vmap(both)(output, y, weight)
    for i in range(2):
        gradient, total = both(output[i], y[i], weight[i])
        torch.testing.assert_close(totals[i], total, rtol=1e-12, atol=0)
        torch.testing.assert_close(gradients[i], gradient, rtol=1e-12, atol=1e-14)


def test_losses_are_pytorchs() -> None:
    ones = torch.ones(9, dtype=torch.float64)
    output, y = batch("classes")
    total = loss_of("classes", "cross_entropy").total(output, y, ones)
    torch.testing.assert_close(total, functional.cross_entropy(output, y))
    output, y = batch("counts")
    total = loss_of("counts", "poisson").total(output, y.double(), ones)
    torch.testing.assert_close(total, functional.poisson_nll_loss(output[:, 0], y.double()))
    output, y = batch("regression")
    known = {
        "squared_error": functional.mse_loss,
        "absolute_error": functional.l1_loss,
        "huber": functional.huber_loss,
    }
    assert ((output[:, 0] - y).abs() > 1).any()
    assert ((output[:, 0] - y).abs() < 1).any()
    for name, function in known.items():
        total = loss_of("regression", name).total(output, y.double(), ones)
        torch.testing.assert_close(total, function(output[:, 0], y.double()))
    output, y = batch("sequence")
    total = loss_of("sequence", "next_token").total(output, y, ones)
    known_total = functional.cross_entropy(output.flatten(0, 1), y.flatten(), ignore_index=-1)
    torch.testing.assert_close(total, known_total)


def test_class_weights_are_a_ratio_of_sums() -> None:
    """The mean of torch's weighted loss is no mean over samples."""
    output, y = batch("classes")
    weights = torch.tensor([1.0, 2, 5, 0.5], dtype=torch.float64)
    loss = SampleLoss(
        lambda output, y: functional.cross_entropy(output, y, weights, reduction="none"),
        denominators=lambda output, y: weights[y],
    )
    known = nn.CrossEntropyLoss(weights)(output, y)
    ones = torch.ones(9, dtype=torch.float64)
    torch.testing.assert_close(loss.total(output, y, ones), known)
    assert not torch.isclose(
        known, functional.cross_entropy(output, y, weights, reduction="sum") / 9
    )


@pytest.mark.parametrize("penalty", [0.1, 3.0])
def test_squared_error_of_a_linear_model_is_least_at_the_ridge_solution(penalty: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    x[:5], y[:5] = np.nan, np.nan
    weight = torch.from_numpy((np.arange(20) >= 5).astype(np.float64))
    real_x, real_y = x[5:], y[5:]
    exact = np.linalg.solve(real_x.T @ real_x / 15 + penalty * np.eye(3), real_x.T @ real_y / 15)
    w = torch.from_numpy(exact).requires_grad_()
    filled = torch.from_numpy(np.nan_to_num(x))
    loss = Regression().loss("squared_error")
    total = loss.total((filled @ w)[:, None], torch.from_numpy(y), weight) + penalty * w @ w
    gradient = torch.autograd.grad(total, w)[0]
    assert gradient.abs().max() < 1e-12


@pytest.mark.parametrize("name", ["classes", "binary", "sequence", "labels"])
def test_a_mixture_has_the_mixed_likelihood(name: str) -> None:
    """exp(-loss) of the mixture = sum of shares times exp(-loss), for one answer a sample."""
    task, _, truth = MAKERS[name](9, 1.0, 0)
    y = torch.from_numpy(truth)
    outputs = torch.stack([torch.from_numpy(MAKERS[name](9, 1.0, s)[1]) for s in range(3)]).double()
    if name == "labels":
        y, outputs = y[:, :1].double(), outputs[..., :1]
    if name == "sequence":
        y, outputs = y[:, :1], outputs[:, :, :1]
    shares = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    loss = task.loss()
    known = sum(s * (-loss.each(o, y)).exp() for s, o in zip(shares, outputs, strict=True))
    mixed = loss.mixture(outputs, shares)
    assert mixed.shape == outputs.shape[1:]
    torch.testing.assert_close((-loss.each(mixed, y)).exp(), known)


def test_a_mixture_of_single_logits_is_as_of_two() -> None:
    loss = MAKERS["binary"](2, 1.0, 0)[0].loss()
    two = torch.randn(3, 7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    one = two[..., 1:] - two[..., :1]
    shares = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    mixed = loss.mixture(two, shares)
    torch.testing.assert_close(loss.mixture(one, shares), mixed[..., 1:] - mixed[..., :1])


def test_a_mixture_of_quantities_is_their_mean() -> None:
    shares = torch.tensor([0.25, 0.75])
    outputs = torch.tensor([[[1.0]], [[3.0]]])
    squared = Regression().loss("squared_error")
    assert squared.mixture(outputs, shares).tolist() == [[2.5]]
    poisson = MAKERS["counts"](2, 1.0, 0)[0].loss()
    rates = poisson.mixture(outputs.log(), shares).exp()
    torch.testing.assert_close(rates, torch.tensor([[2.5]]))
    with pytest.raises(InputError, match="choose a method without mixtures"):
        MAKERS["survival"](9, 1.0, 0)[0].loss().mixture(outputs, shares)
