"""The contract of each method: `tests/methods/test_<name>.py` says it as `CONTRACT = ...`."""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from unalike.testing import Contract

__all__ = ["Contract", "contract_of"]

METHODS = Path(__file__).parent / "methods"


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
    sys.modules[name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
