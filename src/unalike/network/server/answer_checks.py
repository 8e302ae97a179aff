"""Which answers may be used: the server trusts no number that it has not looked at."""

from __future__ import annotations

from typing import Any

import numpy as np

from unalike.functional.finite import finite
from unalike.functional.trees import leaves
from unalike.network.protocol.messages import MessageError, Parcel, shapes_of, unpack

FEWEST = 3
"""Answers from which on there is a usual length to compare with."""
BLOCK = 1 << 16
"""Numbers that are squared at once, in double precision; as many as the cache holds."""


def read_up(answer: Parcel, like: Any) -> Any:
    """The numbers of an answer.

    Raises:
        MessageError: other shapes than expected, or numbers that are not finite.
    """
    if gradients_of(answer) is None:
        raise MessageError("it does not say how many gradients were taken")
    if not answer.facts.get("sound", True):
        raise MessageError("its numbers are not finite")
    up = unpack(answer, {"up": like}).get("up")
    if up is None:
        raise MessageError("it holds no numbers")
    expected, found = shapes_of(like), shapes_of(up)
    if expected != found:
        raise MessageError(f"it holds {', '.join(found)}, not {', '.join(expected)}")
    if not finite(up):
        raise MessageError("its numbers are not finite")
    return up


def gradients_of(answer: Parcel) -> int | None:
    """Per-sample gradient evaluations that an answer took; None where it does not say."""
    told = answer.facts.get("gradients")
    return told if isinstance(told, int) and told >= 0 else None


def too_long(ups: list[Any], excess: float) -> dict[int, str]:
    """Answers [S] whose length is more than `excess` times the (lower) median: position -> why."""
    if excess <= 0 or len(ups) < FEWEST:
        return {}
    lengths = np.array([_length(up) for up in ups])
    usual = np.sort(lengths)[(len(lengths) - 1) // 2]
    if usual == 0:
        return {}
    return {
        int(i): f"its length {lengths[i]:.3g} is {lengths[i] / usual:.3g} times the median"
        for i in np.flatnonzero(lengths > excess * usual)
    }


def beyond(ups: list[Any], clip: float) -> dict[int, str]:
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
