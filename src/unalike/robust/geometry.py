"""Lengths, distances and inner products of answers, each one vector over all leaves.

Leaves of unlike size are brought to one: every leaf counts as if its usual length (the lower
median over the clients) were that of the first. SCAFFOLD's control variate is longer than its
change of the model by one over the learning rate; as one plain vector it would hide whatever is
done to the model. A method that sends one leaf is measured as it is.

All sums are in double precision. Where only differences count, the coordinate-wise median is taken
off first, so that one answer of 1e30 does not swallow the digits of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from unalike.functional.trees import leaves, map_tree

BLOCK = 1 << 14
"""Coordinates that are looked at at once."""


def blocks(leaf: Tensor) -> Iterator[Tensor]:
    """The coordinates of a leaf [S, ...], some at a time, in double precision: [S, <= BLOCK]."""
    for part in leaf.reshape(len(leaf), -1).split(BLOCK, 1):
        yield part.double().contiguous()  # torch.median misreads rows that share their memory


def leaf_lengths(leaf: Tensor) -> Tensor:
    """L2 norm of each row of a leaf [S, ...]: [S] float64."""
    squares = torch.zeros(len(leaf), dtype=torch.float64, device=leaf.device)
    for part in blocks(leaf):
        squares += part.square().sum(1)
    return squares.sqrt()


def leaf_scales(ups: Any) -> list[float]:
    """The usual length of each leaf in units of that of the first; 1 where either is zero."""
    usual = [float(leaf_lengths(leaf).median()) for leaf in leaves(ups)]
    return [length / usual[0] if usual[0] > 0 and length > 0 else 1.0 for length in usual]


def lengths(ups: Any, scales: list[float]) -> Tensor:
    """L2 norm of each answer [S]; not finite where it is beyond all measure."""
    parts = [leaf_lengths(leaf) / s for leaf, s in zip(leaves(ups), scales, strict=True)]
    return torch.stack(parts).square().sum(0).sqrt()


def inner_products(ups: Any, scales: list[float], *, centred: bool) -> Tensor:
    """Of every two answers: [S, S]; `centred`: of what they differ from the median by."""
    rows = leaves(ups)
    count, device = len(rows[0]), rows[0].device
    products = torch.zeros(count, count, dtype=torch.float64, device=device)
    for leaf, scale in zip(rows, scales, strict=True):
        for part in blocks(leaf):
            seen = (part - part.median(0).values if centred else part) / scale
            products += seen @ seen.T
    return products


def squared_distances(products: Tensor) -> Tensor:
    """Between every two answers [S, S], from their centred inner products."""
    squares = products.diag()
    found = (squares[:, None] + squares[None, :] - 2 * products).clamp(min=0)
    return found.fill_diagonal_(0)


def distances_to(products: Tensor, point: Tensor) -> Tensor:
    """Of each answer [S] to the point that is this combination of them: coefficients sum to 1."""
    squares = point @ products @ point - 2 * products @ point + products.diag()
    return squares.clamp(min=0).sqrt()


def as_rows(ups: Any) -> Tensor:
    """A tree with leaves [S, ...] as one matrix [S, D]."""
    return torch.cat([leaf.reshape(len(leaf), -1) for leaf in leaves(ups)], 1)


def as_tree(rows: Tensor, like: Any) -> Any:
    """The inverse of `as_rows`: rows [R, D], `like` any tree with leaves [S, ...] of the shape."""
    parts = iter(rows.split([leaf[0].numel() for leaf in leaves(like)], 1))
    return map_tree(lambda leaf: next(parts).reshape(-1, *leaf.shape[1:]).to(leaf.dtype), like)
