"""What travels between the server and a site: facts as JSON, and all numbers in one run of bytes.

Every part of a Flower message costs requests, see `flower_message`, so the leaves of all trees lie
one after the other in one. Names are not sent: both ends know the method, and with it the trees.
Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from unalike.functional.trees import items, leaves

from .frames import Frames

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


MAX_VERB = 40
"""Letters; what has more is none of ours."""
FAILED = "failed"
"""The verb of an answer that says why there is none, in the fact `why`."""


class MessageError(ValueError):
    """A message that does not hold what it should; the text says what."""


class Message(NamedTuple):
    """A request to a site, or its answer."""

    verb: str
    facts: dict[str, Any]  # plain values
    shapes: dict[str, list[str]]  # of each tree, such as ["float32[3,4]", "int64[]"]
    body: bytes | memoryview  # the leaves of all trees, in order

    def frames(self) -> Frames:
        """The message as it travels: all but the body as text, and the body."""
        head = {"verb": self.verb, "facts": self.facts, "shapes": self.shapes}
        return Frames(json.dumps(head), self.body)

    @staticmethod
    def of(frames: Frames) -> Message:
        """The inverse of `frames`.

        Raises:
            MessageError: the head cannot be read.
        """
        try:
            head = json.loads(frames.head)
            verb, facts, shapes = str(head["verb"]), dict(head["facts"]), dict(head["shapes"])
            if len(verb) > MAX_VERB:
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise MessageError("the message has no head that can be read") from None
        return Message(verb, facts, shapes, frames.body)

    def digest(self) -> str:
        """A name of the numbers that travel: equal for equal trees."""
        digest = hashlib.blake2b(json.dumps(self.shapes, sort_keys=True).encode(), digest_size=16)
        digest.update(b"\0")
        digest.update(self.body)
        return digest.hexdigest()


def pack(
    verb: str, facts: Mapping[str, Any] | None = None, trees: Mapping[str, Any] | None = None
) -> Message:
    """Facts and trees of tensors as one message."""
    leaves_of = {name: leaves(tree) for name, tree in (trees or {}).items()}
    body = b"".join(_bytes(leaf) for tree in leaves_of.values() for leaf in tree)
    shapes = {name: [_shape(leaf) for leaf in tree] for name, tree in leaves_of.items()}
    return Message(verb, dict(facts or {}), shapes, body)


def unpack(message: Message, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The trees of a message; `schemas` are trees of the same types, whose numbers are not read.

    Raises:
        MessageError: the message holds other trees than these, or too few or too many bytes.
    """
    if list(message.shapes) != [name for name in schemas if name in message.shapes]:
        raise MessageError(f"it holds {', '.join(message.shapes)}, not {', '.join(schemas)}")
    whole = torch.frombuffer(bytearray(message.body or b"\0"), dtype=torch.uint8)
    trees, start = {}, 0
    for name, shapes in message.shapes.items():
        expected = [leaf_name for leaf_name, _ in items(schemas[name])]
        if len(shapes) != len(expected):
            raise MessageError(f"{name} holds {len(shapes)} arrays, not {len(expected)}")
        tensors = []
        for text in shapes:
            dtype, shape = _read_shape(text)
            size = math.prod(shape) * dtype.itemsize
            if start + size > len(message.body):
                raise MessageError(f"{name} is cut short")
            tensors.append(_aligned(whole[start : start + size], dtype).reshape(shape))
            start += size
        trees[name] = _rebuild(schemas[name], iter(tensors))
    if start != len(message.body):
        raise MessageError(f"it holds {len(message.body)} bytes, not {start}")
    return trees


def shapes_of(tree: Any) -> list[str]:
    """Type and shape of each leaf, as messages tell them."""
    return [_shape(leaf) for leaf in leaves(tree)]


def _rebuild(schema: Any, tensors: Iterator[Tensor]) -> Any:
    if isinstance(schema, Tensor):
        return next(tensors)
    return type(schema)(*(_rebuild(getattr(schema, field), tensors) for field in schema._fields))


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
