"""What groups of samples tell of how well they are predicted: numbers that add up over groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unalike.measures.groups import Floats, Ints, by_group

Parts = Any
"""A NamedTuple of arrays [groups, ...], each task its own; fields may be such NamedTuples."""


class Losses(NamedTuple):
    """The losses of groups before they are divided; those of a union are the sums."""

    numerator: Floats  # [groups]
    denominator: Floats  # [groups]

    @staticmethod
    def of_samples(each: Floats, sizes: Ints, denominators: Floats | None = None) -> Losses:
        """Of consecutive groups: each, denominators [n]; a plain mean where these are not given."""
        if denominators is None:
            return Losses(by_group(each, sizes), sizes.astype(np.float64))
        return Losses(by_group(each, sizes), by_group(denominators, sizes))


class Sums(NamedTuple):
    """All that scores need to know of groups of samples; those of a union are the sums."""

    groups: Floats  # [groups] 1 for a group with samples: how many are added up
    size: Floats  # [groups] samples
    losses: Losses
    parts: Parts
    own: Floats  # [groups, measures of the user] times the samples of the group

    @property
    def alone(self) -> NDArray[np.bool_]:
        """Whether all samples are of one group: [groups]."""
        return self.groups <= 1


def mapped(function: Callable[..., Any], *trees: Any) -> Any:
    """The NamedTuple of `function(array of each tree...)`, field by field."""
    first = trees[0]
    if not isinstance(first, tuple):
        return function(*trees)
    return type(first)(*(mapped(function, *fields) for fields in zip(*trees, strict=True)))


def added(sums: Any) -> Any:
    """All groups as one: arrays [1, ...]."""
    return mapped(lambda column: column.sum(0, keepdims=True), sums)


def stacked(several: Sequence[Any]) -> Any:
    """The groups of several sums, one after the other."""
    return mapped(lambda *columns: np.concatenate(columns), *several)


def zeros_like(parts: Any) -> Any:
    """The same fields with nothing counted."""
    return mapped(np.zeros_like, parts)
