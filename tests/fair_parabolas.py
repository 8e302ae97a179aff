"""Optima of q-FFL that its two methods share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unalike.core import Method
from worlds import quadratics

OPTIMA = [(0, 0.25), (1, 0.4094585632), (2, 0.4452893187), (5, 0.4750522728)]
"""q, and the minimiser of 3/4 F_0^(q+1) + 1/4 F_1^(q+1) for the parabolas around 0 and 1."""


def assert_optimum(kind: Callable[..., Method], q: float, known: float, *, start: float) -> None:
    """1 / (1 + 3^(1 / (2q + 1))), where thirty rounds end."""
    world = quadratics([1, 1], [0, 1], sizes=[3, 1], start=start)
    w = world.run(kind(lr=0.9, q=q), 30).server
    assert float(w) == pytest.approx(1 / (1 + 3 ** (1 / (2 * q + 1))), abs=1e-9)
    assert float(w) == pytest.approx(known, abs=1e-9)


def assert_worst_loss(kind: Callable[..., Method]) -> None:
    """q = 500 is all but the middle, where the worst loss is least."""
    world = quadratics([1, 1], [0, 1], sizes=[3, 1], start=0.499)
    w = world.run(kind(lr=0.9, q=500), 40).server
    assert float(w) == pytest.approx(1 / (1 + 3 ** (1 / 1001)), abs=1e-9)
    assert float(w) == pytest.approx(0.5, abs=1e-3)
