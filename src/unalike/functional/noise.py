"""Random numbers in the shape of a tree."""

from typing import Any

from torch import Tensor

from . import streams
from .trees import items, rebuild


def noise_like(tree: Any, key: Tensor) -> Any:
    """Independent standard normal numbers in the shape of a tree: a key [] int64."""
    drawn = {
        name: streams.normal(streams.mix(key, i), leaf.numel(), leaf.dtype).reshape(leaf.shape)
        for i, (name, leaf) in enumerate(items(tree))
    }
    return rebuild(tree, drawn)
