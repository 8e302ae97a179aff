"""What a module puts out: squeezed, as a probability, or beside the shape of its targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from unalike.core import Problem
from unalike.core.model_check import prepare
from unalike.errors import InputError


class Squeezing(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(4, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).squeeze()


def squared(output: Tensor, y: Tensor) -> Tensor:
    return (output - y) ** 2


def numbers(count: int = 5) -> Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(1))


CASES: dict[str, tuple[int, Any, Tensor, int | None]] = {
    "yes or no": (1, "cross_entropy", torch.tensor([0, 1, 1, 0, 1]), 2),
    "classes": (3, "cross_entropy", torch.tensor([0, 1, 2, 0, 1]), 3),
    "quantities": (1, squared, torch.arange(5.0), None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_module_that_squeezes_takes_one_sample_as_it_takes_many(case: str) -> None:
    outputs, loss, y, classes = CASES[case]
    x = numbers()
    problem = prepare(Problem(Squeezing(outputs), loss), x, y, classes)
    w = problem.init()
    many = problem.logits(w, x)
    for row in range(len(x)):
        torch.testing.assert_close(problem.logits(w, x[row : row + 1]), many[row : row + 1])
    module = problem.module_at(w)
    torch.testing.assert_close(module(x[:1]), many[:1])
    torch.testing.assert_close(module(x), many)


def sigmoid(outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(4, outputs), nn.Sigmoid())


ONE, MANY = torch.tensor([0, 1, 1, 0, 1]), torch.eye(5)[:, :3]
PROBABILITIES: dict[str, tuple[Callable[[], nn.Module], Any, Tensor, int | None]] = {
    "yes or no": (lambda: sigmoid(1), "cross_entropy", ONE, 2),
    "its own logits": (lambda: sigmoid(1), nn.BCEWithLogitsLoss(), ONE, 2),
    "labels": (lambda: sigmoid(3), "binary_cross_entropy", MANY, 3),
    "softmax": (
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)),
        nn.CrossEntropyLoss(),
        ONE,
        3,
    ),
}


@pytest.mark.parametrize("case", PROBABILITIES)
def test_probabilities_are_refused_where_the_loss_takes_logits(case: str) -> None:
    make, loss, y, classes = PROBABILITIES[case]
    with pytest.raises(InputError, match=r"ends in a (sigmoid|softmax), which the loss applies"):
        prepare(Problem(make(), loss), numbers(), y, classes)


LOGITS: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "logits": (lambda: nn.Linear(4, 3), "cross_entropy"),
    "log probabilities": (
        lambda: nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(1)),
        nn.NLLLoss(),
    ),
    "bounded logits": (lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh()), "cross_entropy"),
    "above zero": (lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU()), "cross_entropy"),
    "a loss of probabilities": (
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)),
        lambda output, y: functional.nll_loss(output.log(), y, reduction="none"),
    ),
}


@pytest.mark.parametrize("case", LOGITS)
def test_other_outputs_are_taken(case: str) -> None:
    make, loss = LOGITS[case]
    prepare(Problem(make(), loss), numbers(), ONE, 3)


def test_a_column_beside_a_row_of_targets_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"shape \(\d, 1\) and .*: end the model with nn.Flatten"):
        prepare(Problem(nn.Linear(4, 1), nn.L1Loss()), numbers(), torch.arange(5.0))


def test_a_loss_must_give_a_tensor() -> None:
    def number(output: Tensor, y: Tensor) -> float:
        return functional.cross_entropy(output, y).item()

    with pytest.raises(InputError, match=r"it gives a float; it must give a tensor"):
        prepare(Problem(nn.Linear(4, 3), number), numbers(), ONE, 3)
