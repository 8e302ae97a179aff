"""What travels between the server and a site: facts as JSON, and all numbers in one run of bytes.

Every array of a Flower message costs several requests, so the leaves of all trees lie one after
the other in one. Names are not sent: both ends know the method, and with it the trees. Nothing is
ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from unalike.functional.trees import items, leaves

DTYPES = {
    name: getattr(torch, name)
    for name in (
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
    )
}


FAILED = "failed"
"""The verb of an answer that says why there is none, in the fact `why`."""


class MessageError(ValueError):
    """A message that does not hold what it should; the text says what."""


class Parcel(NamedTuple):
    """A message on its way."""

    verb: str
    facts: dict[str, Any]  # plain values
    shapes: dict[str, list[str]]  # of each tree, such as ["float32[3,4]", "int64[]"]
    body: bytes | memoryview  # the leaves of all trees, in order

    def head(self) -> str:
        """All but the body, as text."""
        return json.dumps({"verb": self.verb, "facts": self.facts, "shapes": self.shapes})

    @staticmethod
    def of(head: str, body: bytes | memoryview) -> Parcel:
        """The inverse of `head`."""
        try:
            told = json.loads(head)
            return Parcel(str(told["verb"]), dict(told["facts"]), dict(told["shapes"]), body)
        except (ValueError, KeyError, TypeError):
            raise MessageError("the message has no head that can be read") from None

    def digest(self) -> str:
        """A name of the numbers that travel: equal for equal trees."""
        digest = hashlib.blake2b(json.dumps(self.shapes, sort_keys=True).encode(), digest_size=16)
        digest.update(b"\0")
        digest.update(self.body)
        return digest.hexdigest()


def pack(
    verb: str, facts: Mapping[str, Any] | None = None, trees: Mapping[str, Any] | None = None
) -> Parcel:
    """Facts and trees of tensors as one message."""
    found = {name: leaves(tree) for name, tree in (trees or {}).items()}
    body = b"".join(_bytes(leaf) for tree in found.values() for leaf in tree)
    shapes = {name: [_shape(leaf) for leaf in tree] for name, tree in found.items()}
    return Parcel(verb, dict(facts or {}), shapes, body)


def unpack(parcel: Parcel, likes: Mapping[str, Any]) -> dict[str, Any]:
    """The trees of a message; `likes` are trees of the same types, whose numbers are not read.

    Raises:
        MessageError: the message holds other trees than these, or too few or too many bytes.
    """
    if list(parcel.shapes) != [name for name in likes if name in parcel.shapes]:
        raise MessageError(f"it holds {', '.join(parcel.shapes)}, not {', '.join(likes)}")
    whole = torch.frombuffer(bytearray(parcel.body or b"\0"), dtype=torch.uint8)
    trees, start = {}, 0
    for name, shapes in parcel.shapes.items():
        expected = [leaf_name for leaf_name, _ in items(likes[name])]
        if len(shapes) != len(expected):
            raise MessageError(f"{name} holds {len(shapes)} arrays, not {len(expected)}")
        found = []
        for text in shapes:
            dtype, shape = _read_shape(text)
            size = math.prod(shape) * dtype.itemsize
            if start + size > len(parcel.body):
                raise MessageError(f"{name} is cut short")
            found.append(_aligned(whole[start : start + size], dtype).reshape(shape))
            start += size
        trees[name] = _like(likes[name], iter(found))
    if start != len(parcel.body):
        raise MessageError(f"it holds {len(parcel.body)} bytes, not {start}")
    return trees


def shapes_of(tree: Any) -> list[str]:
    """Type and shape of each leaf, as messages tell them."""
    return [_shape(leaf) for leaf in leaves(tree)]


def _like(like: Any, found: Any) -> Any:
    if isinstance(like, Tensor):
        return next(found)
    return type(like)(*(_like(getattr(like, field), found) for field in like._fields))


def _aligned(piece: Tensor, dtype: torch.dtype) -> Tensor:
    """Bytes [n] as numbers, copied only where they do not begin at a multiple of their size."""
    return (piece.clone() if piece.storage_offset() % dtype.itemsize else piece).view(dtype)


def _bytes(leaf: Tensor) -> bytes:
    flat = leaf.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def _shape(leaf: Tensor) -> str:
    return f"{str(leaf.dtype).removeprefix('torch.')}[{','.join(map(str, leaf.shape))}]"


def _read_shape(text: str) -> tuple[torch.dtype, tuple[int, ...]]:
    name, _, rest = str(text).partition("[")
    try:
        shape = tuple(int(size) for size in rest.removesuffix("]").split(",") if size)
        if min(shape, default=0) < 0:
            raise ValueError
        return DTYPES[name], shape
    except (KeyError, ValueError):
        raise MessageError(f"{text!r} is no type and shape of an array") from None
