"""A processor with bf16 convolutions and products, emulated: as precise, and slower than float32.

Factors are rounded to bfloat16 before each kernel, which then sums in float32. oneDNN leaves very
small products in float32; here they are rounded as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from unalike.engines.precision import reduces
from unalike.functional.precision import Precision, computing_in, current_precision
from unalike.functional.traced_function import TracedFunction

aten = torch.ops.aten

FACTORS: dict[Any, tuple[int, ...]] = {
    aten.mm.default: (0, 1),
    aten.mm.out: (0, 1),
    aten.bmm.default: (0, 1),
    aten.bmm.out: (0, 1),
    aten.addmm.default: (1, 2),
    aten.baddbmm.default: (1, 2),
    aten.convolution.default: (0, 1),
    aten.convolution_backward.default: (0, 1, 2),
}
"""Which arguments of a kernel are rounded."""


@contextmanager
def emulated_bf16() -> Iterator[None]:
    """Here `precision="bf16"` is for gradients what it is where a processor has it; nothing changes
    on one that does."""
    if reduces():
        yield
        return
    run = TracedFunction.run

    def run_rounded(function: TracedFunction, tensors: tuple[Tensor, ...]) -> Tensor:
        with _RoundedFactors() if current_precision() == "bf16" else nullcontext():
            return run(function, tensors)

    with (
        patch.object(TracedFunction, "run", run_rounded),
        patch("unalike.engines.precision.computing_in", _computing_in),
    ):
        reduces.cache_clear()
        try:
            yield
        finally:
            reduces.cache_clear()


@contextmanager
def _computing_in(precision: Precision) -> Iterator[None]:
    with computing_in(precision), _RoundedFactors():
        yield


class _RoundedFactors(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        rounded = FACTORS.get(func, ())
        given = (_rounded(arg) if i in rounded else arg for i, arg in enumerate(args))
        return func(*given, **(kwargs or {}))


def _rounded(factor: Tensor) -> Tensor:
    return factor.bfloat16().float() if factor.dtype == torch.float32 else factor
