"""Every torch loss gives PyTorch's own number and gradient on the batch without its padding."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from unalike.core import Batch, Problem
from unalike.core.loss import Loss, Ratio
from unalike.core.model_check import prepare
from unalike.errors import InputError
from unalike.functional.losses import cross_entropy

CLOSED = {"atol": 1e-12, "rtol": 1e-10}
N, CLASSES = 7, 3
WEIGHTS = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64)
CLASSES_OF = torch.tensor([0, 2, 1, 2, 0, 0, 2])
LABELS = (torch.arange(N * CLASSES).reshape(N, CLASSES) % 2).double()
AMOUNTS = torch.linspace(-1, 1, N * CLASSES, dtype=torch.float64).reshape(N, CLASSES)
SHARES = torch.softmax(AMOUNTS, 1)

GIVEN: dict[str, tuple[Any, Tensor]] = {
    "classes": (nn.CrossEntropyLoss(), CLASSES_OF),
    "class weights": (nn.CrossEntropyLoss(WEIGHTS), CLASSES_OF),
    "a class is ignored": (nn.CrossEntropyLoss(ignore_index=2), CLASSES_OF),
    "everything is ignored": (nn.CrossEntropyLoss(ignore_index=2), torch.full((N,), 2)),
    "weights and an ignored class": (nn.CrossEntropyLoss(WEIGHTS, ignore_index=0), CLASSES_OF),
    "smoothed": (nn.CrossEntropyLoss(label_smoothing=0.2), CLASSES_OF),
    "smoothed with weights": (nn.CrossEntropyLoss(WEIGHTS, label_smoothing=0.2), CLASSES_OF),
    "all at once": (nn.CrossEntropyLoss(WEIGHTS, ignore_index=1, label_smoothing=0.1), CLASSES_OF),
    "sum": (nn.CrossEntropyLoss(reduction="sum"), CLASSES_OF),
    "weighted sum": (nn.CrossEntropyLoss(WEIGHTS, reduction="sum"), CLASSES_OF),
    "probabilities of classes": (nn.CrossEntropyLoss(WEIGHTS), SHARES),
    "function with weights": (partial(functional.cross_entropy, weight=WEIGHTS), CLASSES_OF),
    "function, ignoring": (partial(functional.cross_entropy, ignore_index=0), CLASSES_OF),
    "function, sum": (partial(functional.cross_entropy, reduction="sum"), CLASSES_OF),
    "nll": (nn.NLLLoss(WEIGHTS), CLASSES_OF),
    "nll function": (functional.nll_loss, CLASSES_OF),
    "margin": (nn.MultiMarginLoss(weight=WEIGHTS), CLASSES_OF),
    "labels": (nn.BCEWithLogitsLoss(), LABELS),
    "labels with weights": (nn.BCEWithLogitsLoss(WEIGHTS, pos_weight=2 * WEIGHTS), LABELS),
    "labels, sum": (nn.BCEWithLogitsLoss(reduction="sum"), LABELS),
    "soft margin": (nn.MultiLabelSoftMarginLoss(WEIGHTS), LABELS),
    "amounts": (nn.MSELoss(), AMOUNTS),
    "amounts, sum": (nn.MSELoss(reduction="sum"), AMOUNTS),
    "huber": (nn.HuberLoss(delta=0.3), AMOUNTS),
    "poisson": (nn.PoissonNLLLoss(), AMOUNTS.abs()),
    "divergence": (nn.KLDivLoss(reduction="batchmean"), SHARES),
    "one number a batch": (lambda output, y: functional.cross_entropy(output, y) * 2, CLASSES_OF),
}


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, CLASSES)).double()


def samples() -> Tensor:
    return torch.randn(N, 4, generator=torch.Generator().manual_seed(1)).double()


def padded(x: Tensor, y: Tensor, padding: int = 2) -> Batch:
    """The samples, and some of them again as padding."""
    weight = torch.cat([torch.ones(N), torch.zeros(padding)]).double()
    x, y = (torch.cat([part, part[1 : 1 + padding]]) for part in (x, y))
    return Batch(x, y, weight, weight.sum(), torch.arange(N + padding))


@pytest.mark.parametrize("kind", GIVEN)
def test_loss_and_gradient_are_pytorchs_own(kind: str) -> None:
    given, y = GIVEN[kind]
    module, x = network(), samples()
    problem = prepare(Problem(module, given), x, y)
    value = given(module(x), y)
    if kind == "everything is ignored":  # PyTorch gives NaN; here nothing moves
        value = 0 * module(x).sum()
    value.backward()
    exact = torch.cat([p.grad.reshape(-1) for p in module.parameters()])  # type: ignore[union-attr]
    w = problem.init()
    for batch in (padded(x, y), padded(x, y, 0)):
        torch.testing.assert_close(problem.loss(w, batch), value.detach(), **CLOSED)
        torch.testing.assert_close(problem.grad(w, batch), exact, **CLOSED)


def test_without_reduction_the_mean_over_samples_is_taken() -> None:
    x, module = samples(), network()
    problem = Problem(module, nn.CrossEntropyLoss(WEIGHTS, reduction="none"))
    value = functional.cross_entropy(module(x), CLASSES_OF, WEIGHTS, reduction="none").mean()
    torch.testing.assert_close(
        problem.loss(problem.init(), padded(x, CLASSES_OF)), value.detach(), **CLOSED
    )


def test_places_of_a_sample_count_one_by_one() -> None:
    y = torch.tensor([[0, 2], [1, -100], [2, 2], [-100, -100], [0, 1], [0, 0], [2, 1]])
    x, given = samples(), nn.CrossEntropyLoss(WEIGHTS)
    problem = Problem(nn.Sequential(network(), nn.Unflatten(1, (CLASSES, 1)), _Twice()), given)
    value = given(network()(x)[:, :, None].expand(N, CLASSES, 2), y)
    torch.testing.assert_close(problem.loss(problem.init(), padded(x, y)), value.detach(), **CLOSED)


class _Twice(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.expand(*x.shape[:2], 2)


REFUSED: dict[str, tuple[Any, Tensor, str]] = {
    "a weighted mean as one number": (
        lambda output, y: functional.cross_entropy(output, y, WEIGHTS),
        CLASSES_OF,
        "not the mean of the losses of its samples",
    ),
    "classes under a loss of amounts": (nn.MSELoss(), CLASSES_OF, "The loss fails on outputs"),
    "a column against a row": (nn.L1Loss(), AMOUNTS[:, :1], "The loss fails on outputs"),
    "a number for each output": (
        lambda output, y: (output - y).square(),
        AMOUNTS,
        r"gives a tensor of shape \(3, 3\) for 3 samples",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_loss_here_is_refused(kind: str) -> None:
    given, y, sentence = REFUSED[kind]
    with pytest.raises(InputError, match=sentence):
        prepare(Problem(network(), given), samples(), y)


def test_no_loss_at_all() -> None:
    with pytest.raises(InputError, match="Unknown loss"):
        Problem(network(), "crossentropy")
    with pytest.raises(InputError, match="is no loss"):
        Problem(network(), 3)  # type: ignore[arg-type]
    yes = Problem(nn.Sequential(nn.Linear(4, 1), nn.Sigmoid()).double(), nn.BCELoss())
    with pytest.raises(InputError, match="leave the sigmoid out"):
        prepare(yes, samples(), CLASSES_OF // 2, 2)


class _Flat(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return z[:, 0]


def one_output(shape: str) -> nn.Module:
    torch.manual_seed(2)
    body = [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1)]
    return nn.Sequential(*body, *([_Flat()] if shape == "[B]" else [])).double()


ONE: dict[str, Any] = {
    "the usual loss": "cross_entropy",
    "binary cross-entropy by name": "binary_cross_entropy",
    "BCEWithLogitsLoss": nn.BCEWithLogitsLoss(),
    "pos_weight": nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0]).double()),
    "sum": nn.BCEWithLogitsLoss(reduction="sum"),
    "function": functional.binary_cross_entropy_with_logits,
}


@pytest.mark.parametrize("shape", ["[B, 1]", "[B]"])
@pytest.mark.parametrize("kind", ONE)
def test_one_output_has_pytorchs_gradient_and_the_outputs_of_two(kind: str, shape: str) -> None:
    given, x, y = ONE[kind], samples(), CLASSES_OF.clamp(max=1)
    module = one_output(shape)
    problem = prepare(Problem(module, given), x, y, 2)
    z = module(x)
    own = given if callable(given) else nn.BCEWithLogitsLoss()
    value = own(z, y.reshape(z.shape).double())
    value.backward()
    exact = torch.cat([p.grad.reshape(-1) for p in module.parameters()])  # type: ignore[union-attr]
    w, batch = problem.init(), padded(x, y)
    torch.testing.assert_close(problem.loss(w, batch), value.detach(), **CLOSED)
    torch.testing.assert_close(problem.grad(w, batch), exact, **CLOSED)
    two = torch.stack([torch.zeros(N), z.detach().reshape(-1)], 1).double()
    assert torch.equal(problem.logits(w, x), two)
    if "weight" not in kind:
        torch.testing.assert_close(problem.sample_losses(two, y), cross_entropy(two, y), **CLOSED)
    assert "one output, taken as the logit of class 1" in problem.fit.remarks()[0]


def test_one_output_is_for_two_classes_alone() -> None:
    with pytest.raises(InputError, match="gives 1 number per sample but the data have 3 classes"):
        prepare(Problem(one_output("[B, 1]")), samples(), CLASSES_OF, 3)
    labels = LABELS[:, :2]
    with pytest.raises(InputError, match="gives 1 number per sample but the data have 2 classes"):
        prepare(Problem(one_output("[B]"), "binary_cross_entropy"), samples(), labels, 2)


def test_a_loss_of_ones_own_that_forgets_its_samples_is_one_sentence() -> None:
    class Forgetful(Loss):
        def ratio(self, output: Tensor, y: Tensor, weight: Tensor) -> Ratio:
            return Ratio((output.sum(1) * weight).sum(), weight.sum())

    problem = Problem(network(), Forgetful())
    with pytest.raises(InputError, match="The loss Forgetful gives no loss for each sample"):
        problem.sample_losses(torch.zeros(N, CLASSES), CLASSES_OF)
