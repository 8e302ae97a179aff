"""Where an array of pictures has its channels: first, as PyTorch wants it, or last."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError

MOST_CHANNELS = 4
SMALLEST_PICTURE = 5
"""A side below this is no side of a picture."""


def channels_first(x: npt.NDArray[Any], channels: str = "") -> tuple[npt.NDArray[Any], list[str]]:
    """Samples [n, ...] with their channels on axis 1, and what must be said.

    x [n, h, w] of eight bits is grey pictures. channels: "first" or "last" where the shape leaves
    it open.

    Raises:
        InputError: it leaves it open.
    """
    if channels not in ("", "first", "last"):
        raise InputError(f'channels must be "first" or "last", not {channels!r}.')
    if x.ndim == 3 and x.dtype == np.uint8 and min(x.shape[1:]) >= SMALLEST_PICTURE:
        return x[:, None], [
            f"x of shape [n, {x.shape[1]}, {x.shape[2]}] with eight bits is taken as grey pictures."
        ]
    if x.ndim < 4:
        return x, []
    side = channels or _side(x.shape[1:])
    if side == "last":
        count, rest = x.shape[-1], " x ".join(map(str, x.shape[1:-1]))
        note = f"x has its channels last: taken as pictures of {rest} with {count} channels."
        return np.ascontiguousarray(np.moveaxis(x, -1, 1)), [note]
    count, rest = x.shape[1], " x ".join(map(str, x.shape[2:]))
    return x, [f"x is taken as pictures of {rest} with {count} channels, channels first."]


def _side(shape: tuple[int, ...]) -> str:
    first, last = shape[0] <= MOST_CHANNELS, shape[-1] <= MOST_CHANNELS
    if first != last:
        return "first" if first else "last"
    if not first:
        even_rest = len(set(shape[1:])) == 1
        even_start = len(set(shape[:-1])) == 1
        if even_rest != even_start:
            return "first" if even_rest else "last"
    raise InputError(
        f"Samples of shape {shape} can have their channels first or last: say "
        'channels="first" or channels="last".'
    )
