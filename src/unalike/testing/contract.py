"""What the laws have to be told of a method: what it sends, and in which world it is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from unalike.core import Problem

from .worlds import World, blobs

Size = float | Callable[[Problem], int]


@dataclass(frozen=True)
class Contract:
    """What a method sends, as its header declares, and how it is tried."""

    down: Size | None = None
    """Numbers sent to a client: in units of P, or computed from the problem; None: not checked."""
    up: Size | None = None  # numbers sent back by a client
    down_more: int = 0  # further scalars
    up_more: int = 0  # further scalars sent back
    secret: bool = True  # no number of a client's private state is ever sent
    world: Callable[..., World] = blobs  # takes the arguments of `blobs`
    settings: dict[str, Any] = field(default_factory=dict)  # hyper-parameters to be tried with
    pooled: bool = False  # sends data, not messages: declared by the header, counted nowhere
