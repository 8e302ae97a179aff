"""Whether all numbers of a tree are finite, in one quick pass."""

from typing import Any

import torch
from torch import Tensor

from .trees import leaves

BLOCK = 1 << 21
"""Numbers that are looked at at once."""


def finite(tree: Any) -> bool:
    """Whether no number anywhere is NaN or infinite."""
    return all(_finite(leaf) for leaf in leaves(tree))


def finite_rows(trees: tuple[Any, ...], count: int) -> Tensor:
    """Of trees with leaves [count, ...], which rows are finite throughout: [count] bool."""
    sound: Tensor | None = None
    for leaf in (leaf for tree in trees for leaf in leaves(tree)):
        rows = leaf.reshape(count, -1)
        if rows.numel():
            found = _finite_sums(rows)
            sound = found if sound is None else sound & found
    return torch.ones(count, dtype=torch.bool) if sound is None else sound


def _finite_sums(rows: Tensor) -> Tensor:
    """A finite sum has finite terms; where one overflowed, the row is looked at again."""
    found = torch.isfinite(rows.sum(1))
    for row in (~found).nonzero()[:, 0].tolist():
        found[row] = _finite(rows[row])
    return found


def _finite(leaf: Tensor) -> bool:
    """The same for a whole leaf, block by block."""
    if not leaf.is_floating_point() or bool(torch.isfinite(leaf.sum())):
        return True
    return all(bool(torch.isfinite(part).all()) for part in leaf.reshape(-1).split(BLOCK))
