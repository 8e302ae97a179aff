"""What the contract has to be told of a method: what it sends, and in which world it is tried.

Each `tests/methods/test_<name>.py` says it as `CONTRACT = Contract(...)`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from unalike.core import Problem
from worlds import World, blobs

METHODS = Path(__file__).parent / "methods"

Size = float | Callable[[Problem], int]


@dataclass(frozen=True)
class Contract:
    """What a method sends, as its header declares, and how it is tried."""

    down: Size  # numbers sent to a client: in units of P, or computed from the problem
    up: Size  # numbers sent back by a client
    down_more: int = 0  # further scalars
    up_more: int = 0
    secret: bool = True  # no number of a client's private state is ever sent
    world: Callable[..., World] = blobs  # takes the arguments of `blobs`
    settings: dict[str, Any] = field(default_factory=dict)
    pooled: bool = False  # sends data, not messages: declared by the header, counted nowhere


@cache
def contract_of(name: str) -> Contract:
    """What the method's own test file declares, or a failure that says what to write."""
    path = METHODS / f"test_{name}.py"
    declared = getattr(_module(path), "CONTRACT", None) if path.exists() else None
    if declared is None:
        pytest.fail(
            f"The method {name!r} has no contract: CONTRACT = Contract(down=..., up=...) in "
            f"tests/methods/{path.name} says how many numbers it sends, in units of P."
        )
    return declared


def _module(path: Path) -> Any:
    name = f"contract_of_{path.stem}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
