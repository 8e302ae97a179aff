"""The worlds of `unalike.testing`, under the name by which the tests know them."""

from unalike.testing.worlds import (
    SINGLE,
    STACKED,
    Halves,
    Outcome,
    World,
    blobs,
    federation,
    fixed_point,
    pooled,
    quadratics,
    samples,
    whole_batch,
)

ROUNDING = {"atol": 1e-13, "rtol": 1e-13}
"""Numbers in double precision that are the same but for the order of operations."""

__all__ = [
    "ROUNDING",
    "SINGLE",
    "STACKED",
    "Halves",
    "Outcome",
    "World",
    "blobs",
    "federation",
    "fixed_point",
    "pooled",
    "quadratics",
    "samples",
    "whole_batch",
]
