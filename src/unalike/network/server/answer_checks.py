"""Which answers may be used: the server trusts no number that it has not looked at."""

from __future__ import annotations

from typing import Any

import numpy as np

from unalike.functional.finite import finite
from unalike.functional.trees import leaves
from unalike.network.protocol.messages import Message, MessageError, shapes_of, unpack

NOT_FINITE = "its numbers are not finite"
MIN_FOR_MEDIAN = 3
"""Answers from which on there is a usual length to compare with."""
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
    """Per-sample gradient evaluations that an answer took; None where it does not say."""
    count = answer.facts.get("gradients")
    return count if isinstance(count, int) and count >= 0 else None


def too_long(ups: list[Any], excess: float) -> dict[int, str]:
    """Answers [S] whose length is more than `excess` times the (lower) median: position -> why."""
    if excess <= 0 or len(ups) < MIN_FOR_MEDIAN:
        return {}
    lengths = np.array([_length(up) for up in ups])
    median = np.sort(lengths)[(len(lengths) - 1) // 2]
    if median == 0:
        return {}
    return {
        int(i): f"its length {lengths[i]:.3g} is {lengths[i] / median:.3g} times the median"
        for i in np.flatnonzero(lengths > excess * median)
    }


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
