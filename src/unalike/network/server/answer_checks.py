"""Which answers may be used: the server trusts no number that it has not looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unalike.functional.finite import finite
from unalike.functional.trees import leaves
from unalike.network.protocol.messages import Message, MessageError, shapes_of, unpack

NOT_FINITE = "its numbers are not finite"
MIN_FOR_MEDIAN = 3
"""Answers from which on there is a usual length to compare with."""
MAX_GRADIENTS = 10**15
"""Of one answer: more than any machine computes."""
BLOCK = 1 << 16
"""Numbers that are squared at once, in double precision; as many as the cache holds."""


def read_up(answer: Message, schema: Any) -> Any:
    """The numbers of an answer, which must have the shapes of `schema`.

    Raises:
        MessageError: other shapes than expected, or numbers that are not finite.
    """
    if gradient_count(answer) is None:
        raise MessageError("it does not say how many gradients were taken")
    if not answer.facts.get("sound", True):
        raise MessageError(NOT_FINITE)
    up = unpack(answer, {"up": schema}).get("up")
    if up is None:
        raise MessageError("it holds no numbers")
    check_numbers(up, schema)
    return up


def check_numbers(tree: Any, schema: Any) -> None:
    """Refuse a tree with other types or shapes than `schema`, or with numbers that are not finite.

    Raises:
        MessageError: half a sentence says which.
    """
    expected, found = shapes_of(schema), shapes_of(tree)
    if expected != found:
        raise MessageError(f"it holds {', '.join(found)}, not {', '.join(expected)}")
    if not finite(tree):
        raise MessageError(NOT_FINITE)


def gradient_count(answer: Message) -> int | None:
    """Per-sample gradient evaluations that an answer took; None where it says none that can be."""
    count = answer.facts.get("gradients")
    return count if isinstance(count, int) and 0 <= count <= MAX_GRADIENTS else None


def too_long(ups: list[Any], sizes: NDArray[np.int64], ratio: float) -> dict[int, str]:
    """Answers [S] that are far longer than the others: position -> why.

    The limit is `ratio` times the (lower) median length; for a client with more samples than the
    (lower) median client it is sqrt(n / median n) times as much, since it takes more steps.

    sizes: [S] samples that the clients train on. ratio: 0 for no limit.
    """
    if ratio == 0 or len(ups) < MIN_FOR_MEDIAN:
        return {}
    lengths = np.array([_length(up) for up in ups])
    median = _lower_median(lengths)
    if median == 0:
        return {}
    more = np.sqrt(np.maximum(1.0, sizes / max(1.0, _lower_median(sizes))))
    return {
        int(i): f"its length {lengths[i]:.3g} is {lengths[i] / median:.3g} times the median"
        for i in np.flatnonzero(lengths > ratio * median * more)
    }


def _lower_median(values: NDArray[Any]) -> float:
    return float(np.sort(values)[(len(values) - 1) // 2])


def not_clipped(ups: list[Any], clip: float) -> dict[int, str]:
    """Answers [S] that were not clipped: position -> why. No other answer decides about one."""
    lengths = [_length(up) for up in ups]
    return {
        i: f"its length {length:.3g} is beyond the clip {clip:g}"
        for i, length in enumerate(lengths)
        if length > clip * (1 + 1e-3)
    }


def _length(up: Any) -> float:
    parts = (part for leaf in leaves(up) for part in leaf.reshape(-1).split(BLOCK))
    return float(np.sqrt(sum(float(part.double().square().sum()) for part in parts)))
