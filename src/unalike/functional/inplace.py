"""Arithmetic that writes over its first argument where `torch.func.vmap` has no rule for it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_library = torch.library.Library("unalike", "FRAGMENT")
_library.define("add_scaled_(Tensor(a!) total, Tensor w, Tensor scale) -> ()")


def add_scaled_(total: Tensor, w: Tensor, scale: Tensor) -> Tensor:
    """total [P] += scale [] * w [P], in one pass over memory; returns total.

    Where stacked clients have scales or weights of their own, they must have a total of their own.
    """
    _add(total, w, scale)
    return total


@torch.library.impl(_library, "add_scaled_", "CompositeExplicitAutograd")
def _run(total: Tensor, w: Tensor, scale: Tensor) -> None:
    total.addcmul_(w, scale.unsqueeze(-1))


def _stacked(
    info: Any, in_dims: tuple[int | None, ...], total: Tensor, w: Tensor, scale: Tensor
) -> tuple[None, None]:
    if in_dims[0] is None:
        raise ValueError("A total that stacked clients share cannot be written over.")
    first = [
        part if dim is None else part.movedim(dim, 0)
        for part, dim in zip((total, w, scale), in_dims, strict=True)
    ]
    _add(*first)
    return None, None


torch.library.register_vmap("unalike::add_scaled_", _stacked, lib=_library)
_add = torch.ops.unalike.add_scaled_.default
