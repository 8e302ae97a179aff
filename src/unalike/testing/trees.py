"""Comparing trees of tensors, in words that say which leaf differs and by how much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from unalike.functional.trees import items, leaves

TOLERANCE = 1e-9


def same(a: Any, b: Any) -> bool:
    """Whether two trees are equal bit for bit."""
    pairs = zip(items(a), items(b), strict=True)
    return all(
        n == m and x.dtype == y.dtype and torch.equal(x.nan_to_num(7.5), y.nan_to_num(7.5))
        for (n, x), (m, y) in pairs
    )


def close(a: Any, b: Any, what: str = "") -> None:
    """Raise AssertionError where two trees differ by more than rounding; `what` they are."""
    for (name, x), (_, y) in zip(items(a), items(b), strict=True):
        prefix = " ".join(filter(None, [what, name]))
        torch.testing.assert_close(x, y, atol=TOLERANCE, rtol=TOLERANCE, msg=_prefixed(prefix))


def _prefixed(prefix: str) -> Callable[[str], str]:
    return lambda text: f"{prefix} {text}"


def equal(a: Any, b: Any, what: str) -> None:
    """Raise AssertionError where two trees are not the same bits; `what` they are."""
    assert same(a, b), f"{what} {_largest_difference(a, b)}"


def finite(tree: Any) -> bool:
    """Whether every number is finite."""
    return all(bool(torch.isfinite(leaf).all()) for leaf in leaves(tree))


def tensors(tree: Any) -> list[Tensor]:
    """The tensors in an argument of any kind."""
    if isinstance(tree, Tensor):
        return [tree]
    return [leaf for part in tree for leaf in tensors(part)] if isinstance(tree, tuple) else []


def _largest_difference(a: Any, b: Any) -> str:
    found = [
        (float((x.double() - y.double()).abs().nan_to_num(torch.inf).max()), name)
        for (name, x), (_, y) in zip(items(a), items(b), strict=True)
        if x.shape == y.shape and x.numel()
    ]
    if not found:
        return "differ in their shapes"
    size, name = max(found)
    where = f" in {name}" if name else ""
    return f"differ{where} by up to {size:.3g}"
