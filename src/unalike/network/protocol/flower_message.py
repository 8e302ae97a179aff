"""A message of unalike inside one of Flower: one array of bytes and one line of text.

Needs neither torch nor numpy, because Flower starts a new process for every message.
"""

from __future__ import annotations

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict

from .frames import Frames

NPY = "numpy.ndarray"
MESSAGE_TYPES = {"train": "train", "evaluate": "evaluate"}
"""Verbs that have a message type of their own in Flower; the others are queries."""


def wrap(frames: Frames) -> RecordDict:
    """The content of a Flower message."""
    content = RecordDict({"about": ConfigRecord({"head": frames.head})})
    if frames.body:
        content["numbers"] = ArrayRecord({"flat": _array(frames.body)})
    return content


def unwrap(message: Message) -> Frames:
    """The inverse of `wrap`; ValueError where the message was not made by it."""
    try:
        head = message.content["about"]["head"]
        records = message.content.array_records
        array = records["numbers"]["flat"] if "numbers" in records else None
        return Frames(str(head), b"" if array is None else _body(array))
    except (KeyError, TypeError, AttributeError):
        raise ValueError("This message was not made by unalike.") from None


def message_type(verb: str) -> str:
    """Flower's message type for a verb."""
    return MESSAGE_TYPES.get(verb, "query")


def _array(body: bytes | memoryview) -> Array:
    return Array("uint8", (len(body),), NPY, b"".join((_header(len(body)), body)))


def _body(array: Array) -> memoryview:
    size = array.shape[0]
    header, data = _header(size), array.data
    if array.dtype != "uint8" or data[: len(header)] != header or len(data) != len(header) + size:
        raise KeyError
    return memoryview(data)[len(header) :]


def _header(size: int) -> bytes:
    """The header of a .npy file (version 1.0) with this many bytes in one dimension."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size},), }}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode("ascii")
