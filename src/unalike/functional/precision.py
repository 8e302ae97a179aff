"""How precisely the processor computes convolutions and products of float32 numbers.

In "bf16" their factors are rounded to bfloat16 (8 bits of precision in place of 24) and summed in
float32; everything else, and every number that is kept, stays float32. It is torch's own setting,
which holds for all threads of a process:
https://docs.pytorch.org/docs/stable/notes/mkldnn.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

Precision = Literal["float32", "bf16"]

_one_at_a_time = threading.RLock()
_current: Precision = "float32"


def current_precision() -> Precision:
    """What `computing_in` says now."""
    return _current


def can_be_set() -> bool:
    """Whether this torch has the setting: from 2.9 on."""
    return hasattr(torch.backends.mkldnn, "conv")


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """All threads compute convolutions and products of float32 numbers so; "float32" changes
    nothing. What torch was told before holds again afterwards.

    A processor that has no such arithmetic goes on in float32.
    """
    if precision == "float32":
        yield
        return
    global _current
    backend: Any = torch.backends.mkldnn
    kinds = (backend.matmul, backend.conv)
    with _one_at_a_time:
        before = _current, [kind.fp32_precision for kind in kinds]
        try:
            for kind in kinds:
                kind.fp32_precision = precision
            _current = precision
            yield
        finally:
            _current = before[0]
            for kind, told in zip(kinds, before[1], strict=True):
                kind.fp32_precision = told
