"""A method's own prediction as a module, for models that no plain module stands for."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from unalike.core import Method, Problem
from unalike.functional.trees import items, named_tree


class PredictionFunction(nn.Module):
    """What a client predicts, as the study computed it; its weights are buffers.

    personal: what `method.predict` takes; without its own leading dimension of clients.
    """

    def __init__(self, method: Method, problem: Problem, personal: Any) -> None:
        super().__init__()
        self._method, self._problem = method, problem
        self._names = [name for name, _ in items(personal)]
        for name, leaf in items(personal):
            self.register_buffer(_buffer_name(name), leaf.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] -> [B, ...]."""
        leaves = {name: self.get_buffer(_buffer_name(name)) for name in self._names}
        return self._method.predict(self._problem, named_tree(leaves), x)


def _buffer_name(leaf: str) -> str:
    return f"personal_{leaf.replace('.', '_')}"
