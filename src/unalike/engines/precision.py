"""Whether clients can train in the precision that is asked for."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from unalike.errors import InputError
from unalike.functional.precision import Precision, can_be_set, computing_in

from .machine import processor

SIZE = 64
"""Rows, columns, channels and pixels that are tried: small ones stay float32 everywhere."""
ROUNDED = 1e-4
"""Of a result's norm: rounding to bfloat16 changes it by more, summing in another order by less."""


def require_precision(
    precision: Precision, device: torch.device, weights: torch.dtype = torch.float32
) -> None:
    """Whether a model of such weights can be trained so on this device.

    Raises:
        InputError: it cannot, or nothing would change.
    """
    if precision == "float32":
        return
    asked = f"--precision {precision}"
    if device.type != "cpu":
        raise InputError(f"{asked} is for training on the CPU and not for {device}: leave it out.")
    if weights != torch.float32:
        kind = str(weights).removeprefix("torch.")
        raise InputError(
            f"{asked} is for models with float32 weights, and these are {kind}: leave it out."
        )
    if not can_be_set():
        raise InputError(
            f"{asked} needs torch 2.9 or later and this is {torch.__version__}: leave it out."
        )
    if not reduces():
        raise InputError(
            f"{asked} would change nothing: this processor ({processor()}) computes convolutions "
            "and products of float32 numbers in float32 whatever torch is told. Leave it out."
        )


@cache
def reduces() -> bool:
    """Whether results change when torch is told to compute in bf16.

    It is tried, because what processors list does not tell: oneDNN needs AMX for it on x86-64, and
    has bfloat16 products of another kind on processors without.
    """
    usual = _results()
    with computing_in("bf16"):
        told = _results()
    return any(
        bool((there - here).norm() > ROUNDED * here.norm())
        for here, there in zip(usual, told, strict=True)
    )


def _results() -> tuple[Tensor, Tensor]:
    """A product and a convolution of numbers that are always the same."""
    luck = torch.Generator().manual_seed(0)
    matrix = torch.randn(SIZE, SIZE, generator=luck)
    pictures = torch.randn(2, SIZE, 16, 16, generator=luck)
    filters = torch.randn(SIZE, SIZE, 3, 3, generator=luck)
    return matrix @ matrix, torch.conv2d(pictures, filters)
