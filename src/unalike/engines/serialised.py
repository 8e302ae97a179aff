"""All clients in this process, with bytes in between: what a network would carry, and no more.

A message is a tree of tensors in the safetensors format, which holds names, shapes and numbers
and can run no code. A client sees the bytes sent to it and its own data and private state; the
server sees the bytes sent back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save

from unalike.functional.trees import items, leaves, map_tree, rebuild

from .local import Answers, LocalEngine


def to_bytes(tree: Any) -> bytes:
    """A tree of tensors as one message."""
    return save({name: leaf.detach().cpu().contiguous() for name, leaf in items(tree)})


def from_bytes(message: bytes, like: Any) -> Any:
    """The inverse of `to_bytes`; `like` is any tree of the same types, its numbers are not read."""
    return rebuild(like, load(message))


class SerialisedEngine(LocalEngine):
    """`LocalEngine` one client at a time, every Down and Up serialised on its way.

    A client whose answer is not finite sends nothing. `sent` and `received` are the bytes of
    all messages so far, from and to the server, their headers included.
    """

    sent: int = 0
    received: int = 0

    def train(self, t: int, ids: NDArray[np.int64], downs: Any) -> Answers:
        """One round of work of these clients, each behind its own messages."""
        messages = [to_bytes(map_tree(lambda leaf, i=i: leaf[i], downs)) for i in range(len(ids))]
        answers = [
            self._at_client(t, ids[i : i + 1], message, downs) for i, message in enumerate(messages)
        ]
        self.sent += sum(map(len, messages))
        ups = [self._to_server(answer.ups) for answer in answers]
        return Answers(
            map_tree(lambda *parts: torch.cat(parts), *ups),
            np.concatenate([answer.sound for answer in answers]),
            np.ones(len(ids), dtype=bool),
            sum(answer.gradients for answer in answers),
        )

    def _at_client(self, t: int, client: NDArray[np.int64], message: bytes, like: Any) -> Answers:
        down = from_bytes(message, like)
        return super().train(t, client, map_tree(lambda leaf: leaf[None].to(self.device), down))

    def _to_server(self, ups: Any) -> Any:
        """The one answer in `ups`, every leaf [1, ...], or [0, ...] where it was not finite."""
        if any(len(leaf) == 0 for leaf in leaves(ups)):
            return ups
        message = to_bytes(map_tree(lambda leaf: leaf[0], ups))
        self.received += len(message)
        return map_tree(lambda leaf: leaf[None].to(self.device), from_bytes(message, ups))
