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

__all__ = [
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
