"""Which answers may be used: the server trusts no number that it has not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unalike.functional.finite import finite
from unalike.network.protocol.messages import Message, MessageError, shapes_of, unpack

from .answer_lengths import length

NOT_FINITE = "its numbers are not finite"
MAX_GRADIENTS = 10**15
"""Of one answer: more than any machine computes."""


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


def not_clipped(ups: Mapping[int, Any], clip: float) -> dict[int, str]:
    """The places whose answers were not clipped -> why. No other answer decides about one."""
    lengths = {place: length(up) for place, up in ups.items()}
    return {
        place: f"its length {found:.3g} is beyond the clip {clip:g}"
        for place, found in lengths.items()
        if found > clip * (1 + 1e-3)
    }
