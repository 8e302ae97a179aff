"""What every rule keeps: symmetries, equal answers, breakdown points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from robust_worlds import applied, cloud, rule, weighted
from unalike.robust import RULES

TEXTS = [
    "caps",
    "median",
    "trimmed:share=0.2",
    "krum:hostile=1",
    "multi-krum:hostile=1",
    "geometric-median",
    "clipping",
    "foolsgold",
    "caps+median",
    "caps+foolsgold",
]
AROUND_NO_ORIGIN = ["median", "trimmed:share=0.2", "krum", "multi-krum", "geometric-median"]
IN_NO_AXES = ["caps", "krum", "multi-krum", "geometric-median", "clipping", "foolsgold"]
UNEQUAL = torch.tensor([0.3, 0.05, 0.2, 0.1, 0.05, 0.1, 0.2]).double()
CLOSE = {"atol": 1e-7, "rtol": 1e-7}
every = pytest.mark.parametrize("text", TEXTS)


class Two(NamedTuple):
    """An answer of two leaves."""

    a: Tensor
    b: Tensor


def test_every_rule_is_tried() -> None:
    assert {text.split(":")[0] for text in TEXTS if "+" not in text} == set(RULES)


@every
@pytest.mark.proof("invariant", "answers that are all the same come out as they are")
def test_equal_answers(text: str) -> None:
    one = cloud(1)
    for weights in (None, UNEQUAL):
        found = applied(text, one.expand(7, 5), weights)
        torch.testing.assert_close(found, one[0], atol=1e-12, rtol=1e-12)


@every
@pytest.mark.proof("invariant", "the order of the answers does not matter")
def test_permutations(text: str) -> None:
    u = cloud()
    order = torch.tensor([4, 2, 6, 0, 1, 5, 3])
    torch.testing.assert_close(
        applied(text, u[order], UNEQUAL[order]), applied(text, u, UNEQUAL), **CLOSE
    )


@every
@pytest.mark.proof("invariant", "units do not matter: answers c times as long, c times as much")
@pytest.mark.parametrize("c", [1e-6, 3.0, 1e6])
def test_scale(text: str, c: float) -> None:
    u = cloud()
    torch.testing.assert_close(
        applied(text, c * u, UNEQUAL) / c, applied(text, u, UNEQUAL), atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize("text", AROUND_NO_ORIGIN)
@pytest.mark.proof("invariant", "answers that are all moved alike move the result alike")
def test_translation(text: str) -> None:
    u, far = cloud(), 1e3 * cloud(1, seed=9)
    torch.testing.assert_close(
        applied(text, u + far, UNEQUAL) - far[0], applied(text, u, UNEQUAL), atol=1e-6, rtol=1e-6
    )


def test_translation_of_the_last_aggregate_with_the_answers() -> None:
    u, far = cloud(), cloud(1, seed=9)
    asked = rule("clipping")
    memory = asked.memory(7, torch.zeros(1).double())
    there = memory._replace(v=far[0])
    moved = asked.apply(weighted(u + far, UNEQUAL), there)[0].mean()
    torch.testing.assert_close(moved - far[0], applied("clipping", u, UNEQUAL), **CLOSE)


@pytest.mark.parametrize("text", IN_NO_AXES)
@pytest.mark.proof("invariant", "rules for whole answers do not see the axes: rotations go through")
def test_rotation(text: str) -> None:
    u = cloud()
    turn = torch.linalg.qr(cloud(5, seed=4)).Q
    torch.testing.assert_close(
        applied(text, u @ turn, UNEQUAL), applied(text, u, UNEQUAL) @ turn, **CLOSE
    )


@every
def test_the_shape_of_a_leaf_does_not_matter(text: str) -> None:
    u = cloud(7, 6)
    found = applied(text, u.reshape(7, 2, 3), UNEQUAL)
    torch.testing.assert_close(found.reshape(6), applied(text, u, UNEQUAL), **CLOSE)


@every
@pytest.mark.proof("invariant", "no leaf hides behind a longer one: each in its own units")
def test_leaves_of_unlike_size(text: str) -> None:
    a, b = cloud(seed=1), cloud(7, 3, seed=2)
    plain = applied(text, Two(a, b), UNEQUAL)
    large = applied(text, Two(a, 1e4 * b), UNEQUAL)
    torch.testing.assert_close(large.a, plain.a, **CLOSE)
    torch.testing.assert_close(large.b / 1e4, plain.b, **CLOSE)


@pytest.mark.parametrize("text", ["krum", "multi-krum", "geometric-median", "caps", "clipping"])
def test_a_lie_in_the_shorter_leaf_does_not_pass(text: str) -> None:
    """The second leaf is a thousand times as long; the lie is ten times the first one's length."""
    a, b = cloud(seed=1), 1e3 * cloud(7, 3, seed=2)
    lie = a.clone()
    lie[0] *= -10
    honest = a[1:].mean(0)
    mean = lie.mean(0)
    found = applied(text, Two(lie, b)).a
    assert float((found - honest).norm()) < 0.5 * float((mean - honest).norm())


# --- breakdown points: honest answers in the unit ball, hostile ones anywhere


def honest_ball(count: int, seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(count, 4))
    return torch.from_numpy(u / np.linalg.norm(u, axis=1, keepdims=True) * rng.random((count, 1)))


def with_hostile(text: str, honest: int, hostile: int, reach: float, weight: float = 1.0) -> Tensor:
    """What the rule makes of honest answers and hostile ones together at `reach`."""
    far = torch.zeros(hostile, 4).double()
    far[:, 0] = reach
    weights = torch.cat([torch.ones(honest), torch.full((hostile,), weight)])
    return applied(text, torch.cat([honest_ball(honest), far]), weights)


BELOW = [  # rule, honest, hostile, weight of a hostile one, bound in units of the honest radius
    ("median", 6, 5, 1.0, 2.0),  # in every coordinate within [-1, 1], of which there are four
    ("median", 10, 3, 3.3, 2.0),
    ("trimmed:share=0.2", 8, 2, 1.0, 2.0),
    ("trimmed:share=0.45", 11, 9, 1.0, 2.0),
    ("krum:hostile=2", 5, 2, 1.0, 1.0),
    ("krum:hostile=2", 5, 2, 100.0, 1.0),
    ("multi-krum:hostile=2", 5, 2, 1.0, 1.0),
    ("geometric-median", 6, 4, 1.0, 2 * 0.6 / 0.2),
    ("geometric-median", 9, 1, 6.0, 2 * 0.6 / 0.2),
    ("clipping:radius=1", 6, 4, 1.0, 1.0),
    ("clipping", 6, 5, 1.0, 1.0),
    ("caps", 6, 5, 1.0, 1.0),
    ("caps", 6, 1, 1e9, 1.0),
    ("caps+geometric-median", 9, 1, 1e9, 2 * 0.6 / 0.2),
]
ABOVE = [
    ("median", 5, 6, 1.0),
    ("median", 10, 1, 11.0),
    ("trimmed:share=0.2", 7, 3, 1.0),
    ("krum:hostile=2", 3, 4, 1.0),
    ("multi-krum:hostile=2", 4, 3, 1.0),
    ("geometric-median", 4, 6, 1.0),
    ("geometric-median", 9, 1, 9.5),
    ("clipping", 4, 6, 1.0),
    ("caps", 4, 6, 1.0),
    ("trimmed:share=0", 9, 1, 1.0),
    ("foolsgold", 9, 1, 1.0),
]
REACHES = [3.0, 1e3, 1e8, 1e30]


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize(("text", "honest", "hostile", "weight", "bound"), BELOW)
@pytest.mark.proof("limit", "below its breakdown point no answer moves a rule beyond its bound")
def test_below_the_breakdown_point(
    text: str, honest: int, hostile: int, weight: float, bound: float, reach: float
) -> None:
    found = with_hostile(text, honest, hostile, reach, weight)
    assert float(found.norm()) <= bound + 1e-6


@pytest.mark.parametrize(("text", "honest", "hostile", "weight"), ABOVE)
@pytest.mark.proof("limit", "above its breakdown point a rule follows hostile answers anywhere")
def test_above_the_breakdown_point(text: str, honest: int, hostile: int, weight: float) -> None:
    for reach in (1e3, 1e6, 1e9):
        found = with_hostile(text, honest, hostile, reach, weight)
        assert float(found.norm()) > 1e-3 * reach


@pytest.mark.parametrize("text", ["median", "trimmed:share=0.2"])
def test_coordinates_stay_between_honest_ones(text: str) -> None:
    u = honest_ball(8)
    for reach in (-1e6, 1e6):
        lie = torch.full((2, 4), reach).double()
        found = applied(text, torch.cat([u, lie]))
        assert bool((found >= u.min(0).values).all())
        assert bool((found <= u.max(0).values).all())


def test_clipping_moves_by_the_hostile_weight_times_the_radius() -> None:
    u = honest_ball(8)
    at_rest = applied("clipping:radius=2", torch.cat([u, torch.zeros(2, 4).double()]))
    moved = with_hostile("clipping:radius=2", 8, 2, 1e6)
    assert float((moved - at_rest).norm()) == pytest.approx(0.2 * 2)


def test_caps_move_by_the_hostile_weight_times_the_threshold() -> None:
    u = honest_ball(8)
    c = float(u.norm(dim=1).sort().values[4])  # the fifth shortest of ten
    short = u * (c / u.norm(dim=1, keepdim=True)).clamp(max=1)
    expected = short.sum(0) / 10
    expected[0] += 0.2 * c
    found = with_hostile("caps", 8, 2, 1e6)
    torch.testing.assert_close(found, expected, **CLOSE)
