"""Whether a module reads its samples as tokens: whole numbers that it looks up in an embedding."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy

import torch
from torch import Tensor, nn

LOOKED_UP = (nn.Embedding, nn.EmbeddingBag)


def holds_embedding(module: nn.Module) -> bool:
    """Whether there is any embedding in a module."""
    return any(isinstance(part, LOOKED_UP) for part in module.modules())


def looks_up(module: nn.Module, samples: Tensor) -> bool:
    """Whether numbers of these samples [n, ...] int64 reach an embedding as they are."""
    if not holds_embedding(module):
        return False
    first, second = _looked_up(module, samples), _looked_up(module, samples.flip(0))
    return any(
        one.dtype == samples.dtype
        and bool(torch.isin(one, samples).all())
        and not torch.equal(one, other)
        for one, other in zip(first, second, strict=False)
    )


def _looked_up(module: nn.Module, samples: Tensor) -> list[Tensor]:
    """What the embeddings of a module are given, one after the other."""
    module, seen = deepcopy(module).eval(), list[Tensor]()
    for part in module.modules():
        if isinstance(part, LOOKED_UP):
            part.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad(), suppress(Exception):  # the model's own checks come later, and speak
        module(samples)
    return seen
