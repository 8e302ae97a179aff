"""Requests to nodes and their answers, over Flower's grid, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from flwr.app import Message as FlowerMessage
from flwr.serverapp import Grid

from unalike.network.protocol.flower_message import message_type, unwrap, wrap
from unalike.network.protocol.messages import FAILED, Message, MessageError


class Failure(NamedTuple):
    """A node that has no answer."""

    why: str
    lasting: bool = False  # asking again is of no use


Answer = Message | Failure


class Requests:
    """Sends requests to nodes and receives their answers; `poll`: seconds between two looks."""

    def __init__(self, grid: Grid, *, poll: float) -> None:
        self.grid, self.poll = grid, poll

    def send(self, requests: Mapping[int, Message], *, seconds: float) -> dict[str, int]:
        """Send a request to each node; returns message id -> node. They expire after `seconds`."""
        flower_messages, record = [], None
        body: bytes | memoryview = b""
        for node, request in requests.items():
            content = wrap(request.frames())
            if record is not None and request.body == body:
                content["numbers"] = record
            elif request.body:
                record, body = content.array_records["numbers"], request.body
            flower_messages.append(
                FlowerMessage(content, node, message_type(request.verb), ttl=max(1.0, seconds))
            )
        nodes = [message.metadata.dst_node_id for message in flower_messages]
        return dict(zip(self.grid.push_messages(flower_messages), nodes, strict=True))

    def receive(self, pending: dict[str, int]) -> dict[int, Answer]:
        """What has arrived since, by node; it is taken out of `pending`."""
        answers: dict[int, Answer] = {}
        if not pending:
            return answers
        for message in self.grid.pull_messages(list(pending)):
            node = pending.pop(message.metadata.reply_to_message_id, None)
            if node is not None:
                answers[node] = _read(message)
        return answers

    def send_and_receive(
        self, requests: Mapping[int, Message], *, seconds: float
    ) -> dict[int, Answer]:
        """The answers that arrive within `seconds`, by node."""
        end = time.monotonic() + seconds
        pending = self.send(requests, seconds=seconds)
        answers: dict[int, Answer] = {}
        while pending:
            answers |= self.receive(pending)
            if not pending or time.monotonic() >= end:
                break
            time.sleep(min(self.poll, max(0.0, end - time.monotonic())))
        return answers


def _read(message: FlowerMessage) -> Answer:
    if message.has_error():
        return Failure(message.error.reason or f"Flower's error {message.error.code}")
    try:
        answer = Message.of(unwrap(message))
    except (MessageError, ValueError) as error:
        return Failure(str(error))
    if answer.verb == FAILED:
        why = str(answer.facts.get("why", "no reason given"))
        return Failure(why, bool(answer.facts.get("lasting")))
    return answer
