"""What a server says to each of many clients, or to all of them alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from unalike.functional.stack import map_rows, stack_of
from unalike.functional.trees import leaves


def message_to_all(verb: Callable[[Any, Tensor], Any], server: Any) -> Any | None:
    """What `verb(server, client)` is for every client; None where it depends on the client."""
    said: list[Any] = []

    def one(client: Tensor) -> Tensor:
        message = verb(server, client)
        if not any(stack_of(leaf) for leaf in leaves(message)):
            said.append(message)
        return client

    map_rows(one, torch.arange(2))
    return said[0] if said else None


def messages_for(verb: Callable[[Any, Tensor], Any], server: Any, ids: Tensor) -> Any:
    """`verb(server, client)` for each of these clients [S]: every leaf [S, ...]."""
    if not leaves(server):
        return verb(server, ids[:1])
    return map_rows(partial(verb, server), ids)
