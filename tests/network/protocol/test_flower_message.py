"""A message inside one of Flower: few parts, and the same bytes whatever they are put into."""

from __future__ import annotations

from typing import Any

import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from flwr.app import Message as FlowerMessage
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents

from network_grid import InProcessGrid, node
from unalike.network.protocol.flower_message import (
    MAX_BESIDE,
    MAX_RECORD,
    numbers_of,
    unwrap,
    wrap,
)
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import Message
from unalike.network.server.requests import Requests

MESSAGE, CONTENT, TEXT, RECORD, ARRAY, PIECE = range(1, 7)
"""The parts of a message, in the order in which one needs them."""


def message(content: RecordDict) -> FlowerMessage:
    return FlowerMessage(content, dst_node_id=1, message_type="train")


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (0, TEXT),
        (1, TEXT),
        (MAX_BESIDE, TEXT),
        (MAX_BESIDE + 1, RECORD),
        (MAX_RECORD, RECORD),
        (MAX_RECORD + 1, PIECE),
    ],
)
def test_parts_that_travel_and_the_bytes_that_arrive(size: int, parts: int) -> None:
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    sent = message(wrap(Frames("what it is", memoryview(body))))
    travelling = {key: part.deflate() for key, part in get_all_nested_objects(sent).items()}
    assert len(travelling) == parts
    received = inflate_object_from_contents(sent.object_id, travelling)
    assert isinstance(received, FlowerMessage)
    head, arrived = unwrap(received)
    assert (head, bytes(arrived)) == ("what it is", body)


@pytest.mark.parametrize("size", [MAX_BESIDE, MAX_BESIDE + 1, MAX_RECORD + 1])
def test_nodes_that_get_the_same_share_it(size: int) -> None:
    """Only beside the text it goes up for each; other bytes are never taken for theirs."""
    answer = node(lambda request: request)
    grid = InProcessGrid({1: answer, 2: answer, 3: answer})
    bodies = {1: b"a" * size, 2: bytes(bytearray(b"a" * size)), 3: b"b" * size}
    requests = {i: Message("train", {"row": i}, {}, body) for i, body in bodies.items()}
    Requests(grid, poll=1.0).push(requests, seconds=1.0)
    sent = [question for _, question, _ in grid.log]
    assert [bytes(unwrap(one).body) for one in sent] == list(bodies.values())
    first, second, third = (numbers_of(one.content) for one in sent)
    assert first is second
    assert (first is None) == (size <= MAX_BESIDE)
    assert third is None or third is not first


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"about": ConfigRecord({"body": b"1"})},
        {"about": ConfigRecord({"head": "", "body": "text"})},
        {"about": ConfigRecord({"head": "", "body": [b"1", b"2"]})},
        {"about": ConfigRecord({"head": "", "body": 7})},
        {"about": ConfigRecord({"head": ""}), "numbers": ConfigRecord({"flat": "text"})},
        {"about": ConfigRecord({"head": ""}), "numbers": ConfigRecord({"flat": [b"1"]})},
        {"about": ConfigRecord({"head": ""}), "numbers": ConfigRecord({"other": b"1"})},
        {"about": ConfigRecord({"head": ""}), "numbers": MetricRecord({"flat": 1.0})},
        {"about": MetricRecord({"head": 1}), "numbers": MetricRecord({"flat": 1})},
        {
            "about": ConfigRecord({"head": ""}),
            "numbers": ArrayRecord({"flat": Array("uint8", (2,), "numpy.ndarray", b"12")}),
        },
    ],
)
def test_what_was_not_made_here_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not made by unalike"):
        unwrap(message(RecordDict(content)))
