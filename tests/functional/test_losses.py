"""Losses of single samples: fast ways to the same numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.nn import functional

from unalike.functional import losses
from unalike.functional.losses import cross_entropy

CLASSES = (2, 3, 4, 10, 15, 16, 17)


@pytest.fixture(params=(False, True), ids=("as they are", "widened"))
def widens(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """As on a processor with AVX-512, and as on one without."""
    monkeypatch.setattr(losses, "WIDENS", request.param)
    return bool(request.param)


def samples(classes: int, number: int = 40) -> tuple[Tensor, Tensor]:
    luck = torch.Generator().manual_seed(classes)
    logits = 5 * torch.randn(number, classes, generator=luck)
    return logits, torch.randint(classes, (number,), generator=luck)


@pytest.mark.usefixtures("widens")
@pytest.mark.parametrize("classes", CLASSES)
def test_cross_entropy_and_its_slope_are_those_of_double_precision(classes: int) -> None:
    logits, y = samples(classes)
    exact = functional.cross_entropy(logits.double(), y, reduction="none")
    torch.testing.assert_close(cross_entropy(logits, y).double(), exact, rtol=1e-5, atol=2e-6)

    def total(x: Tensor) -> Tensor:
        return cross_entropy(x, y).sum()

    slope = grad(total)(logits)
    known = torch.softmax(logits.double(), 1) - functional.one_hot(y, classes)
    torch.testing.assert_close(slope.double(), known, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("widens")
@pytest.mark.parametrize("classes", CLASSES)
def test_second_derivatives_of_cross_entropy_are_those_of_softmax(classes: int) -> None:
    logits, y = samples(classes, 3)
    p = torch.softmax(logits.double(), 1)
    v = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))

    def along(x: Tensor) -> Tensor:
        return (grad(lambda x: cross_entropy(x, y).sum())(x) * v).sum()

    known = p * v.double() - p * (p * v.double()).sum(1, keepdim=True)
    torch.testing.assert_close(grad(along)(logits).double(), known, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("widens")
def test_logits_of_any_size_have_finite_losses_and_slopes() -> None:
    logits = torch.tensor([[1e30, -1e30, 0, 0, 0], [-1e30] * 5, [3e38, 3e38, 0, 0, 0]])
    y = torch.tensor([0, 1, 1])
    assert cross_entropy(logits, y).isfinite().all()
    slope = grad(lambda x: cross_entropy(x, y).sum())(logits)
    assert slope.isfinite().all()
    torch.testing.assert_close(slope[1], torch.tensor([0.2, -0.8, 0.2, 0.2, 0.2]))


@pytest.mark.usefixtures("widens")
@pytest.mark.parametrize("classes", CLASSES)
def test_a_samples_loss_hangs_on_no_other_sample(classes: int) -> None:
    logits, y = samples(classes, 41)
    together = cross_entropy(logits, y)
    stacked = vmap(cross_entropy)(logits[:40].view(4, 10, classes), y[:40].view(4, 10))
    assert torch.equal(together[:40], stacked.flatten())
    assert torch.equal(together[7:8], cross_entropy(logits[7:8], y[7:8]))


def test_only_few_classes_are_widened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "WIDENS", True)
    widths = {classes: losses._widened(samples(classes)[0]).shape[1] for classes in CLASSES}
    assert widths == {2: 2, 3: 3, 4: 16, 10: 16, 15: 16, 16: 16, 17: 17}
    assert losses._widened(samples(10)[0].double()).shape[1] == 10
