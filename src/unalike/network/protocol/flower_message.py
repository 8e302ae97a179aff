"""A message of unalike inside one of Flower: one line of text and one run of bytes.

Flower sends and fetches every part of a message by itself, and a request costs its server far more
than a few bytes do. So few bytes lie beside the text, in one part. More are a record of their own,
which goes up once for all nodes that get the same. Many are an array, which Flower cuts into
pieces; that takes three parts and one for each piece.

Needs neither torch nor numpy, because Flower starts a new process for every message.
"""

from __future__ import annotations

from collections.abc import Mapping

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict

from .frames import Frames

NPY = "numpy.ndarray"
MESSAGE_TYPES = {"train": "train", "evaluate": "evaluate"}
"""Verbs that have a message type of their own in Flower; the others are queries."""
MAX_BESIDE = 64 * 2**10
"""Bytes that lie beside the text, and so go up anew for each node."""
MAX_RECORD = 4 * 2**20
"""Bytes of one record: less than a piece into which Flower cuts arrays."""

Numbers = ConfigRecord | ArrayRecord
"""A body that is not beside the text."""


def wrap(frames: Frames, numbers: Numbers | None = None) -> RecordDict:
    """The content of a Flower message; numbers: that of another message with the same body."""
    about = ConfigRecord({"head": frames.head})
    content = RecordDict({"about": about})
    if not frames.body:
        return content
    if len(frames.body) <= MAX_BESIDE:
        about["body"] = bytes(frames.body)
    else:
        content["numbers"] = _numbers(frames.body) if numbers is None else numbers
    return content


def numbers_of(content: RecordDict) -> Numbers | None:
    """What `wrap` takes for messages with the same body; None where the body is beside the text."""
    record = content.get("numbers")
    return record if isinstance(record, Numbers) else None


def unwrap(message: Message) -> Frames:
    """The inverse of `wrap`; ValueError where the message was not made by it."""
    try:
        about, numbers = message.content["about"], message.content.get("numbers")
        body = about.get("body", b"") if numbers is None else _flat(numbers)
        if not isinstance(body, bytes | memoryview):
            raise TypeError
        return Frames(str(about["head"]), body)
    except (KeyError, TypeError, AttributeError):
        raise ValueError("This message was not made by unalike.") from None


def message_type(verb: str) -> str:
    """Flower's message type for a verb."""
    return MESSAGE_TYPES.get(verb, "query")


def _numbers(body: bytes | memoryview) -> Numbers:
    if len(body) <= MAX_RECORD:
        return ConfigRecord({"flat": bytes(body)})
    data = b"".join((_header(len(body)), body))
    return ArrayRecord({"flat": Array("uint8", (len(body),), NPY, data)})


def _flat(numbers: Mapping[str, object]) -> object:
    """The bytes of a record; what else it holds in their place is for the caller to refuse."""
    flat = numbers["flat"]
    if not isinstance(flat, Array):
        return flat
    size = flat.shape[0]
    header, data = _header(size), flat.data
    if flat.dtype != "uint8" or data[: len(header)] != header or len(data) != len(header) + size:
        raise KeyError
    return memoryview(data)[len(header) :]


def _header(size: int) -> bytes:
    """The header of a .npy file (version 1.0) with this many bytes in one dimension."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size},), }}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode("ascii")
