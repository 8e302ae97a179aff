"""Steps that follow the curvature: closed forms, and convergence whatever the curvature."""

import math

import pytest
import torch
from torch import Tensor

from unalike.core.adaptive_descent import adaptive_descent


@pytest.mark.parametrize("steps", [1, 2, 6])
def test_one_curvature(steps: int) -> None:
    """L = 5 is known after the first step, and each other one halves what is left."""
    found = adaptive_descent(lambda x: 5 * (x - 2), torch.tensor([3.0]).double(), steps, 0.01)
    assert float(found) == pytest.approx(2 + 0.95 * 0.5 ** (steps - 1), abs=1e-12)


def test_without_curvature_steps_grow_slowly() -> None:
    """A slope of 1: the second step is the first, the third sqrt 2 times that, and so on."""
    steps = [1, 1, math.sqrt(2), math.sqrt(2) * math.sqrt(1 + math.sqrt(2))]
    for count in range(1, 5):
        found = adaptive_descent(torch.ones_like, torch.zeros(1).double(), count, 0.1)
        assert float(found) == pytest.approx(-0.1 * sum(steps[:count]), abs=1e-12)


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e4])
def test_any_curvature(scale: float) -> None:
    """Curvatures of scale x (0.3 to 1), in single precision, from a first step far too long."""
    curvatures, minimum = scale * torch.linspace(0.3, 1, 6), torch.linspace(-1, 1, 6)

    def gradient(x: Tensor) -> Tensor:
        return curvatures * (x - minimum)

    found = adaptive_descent(gradient, torch.full((6,), 3.0), 150, 1.0)
    torch.testing.assert_close(found, minimum, atol=1e-4, rtol=1e-4)


def test_at_the_minimum_it_stays() -> None:
    start = torch.tensor([1.0, -2.0])
    assert torch.equal(adaptive_descent(lambda x: x - start, start, 5, 0.1), start)
