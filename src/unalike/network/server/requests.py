"""Questions to nodes and their answers, over Flower's grid, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from flwr.app import Message
from flwr.serverapp import Grid

from unalike.network.protocol.flower_message import kind, unwrap, wrap
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import FAILED, MessageError, Parcel


class Failure(NamedTuple):
    """A node that has no answer."""

    why: str
    lasting: bool = False  # asking again is of no use


Answer = Parcel | Failure


class Post:
    """`sent` and `received` are the bytes of all messages so far."""

    def __init__(self, grid: Grid, *, poll: float) -> None:
        self.grid = grid
        self.poll = poll
        self.sent = 0
        self.received = 0

    def send(self, letters: Mapping[int, Parcel], *, seconds: float) -> dict[str, int]:
        """Send a question to each node; returns message -> node. They expire after `seconds`."""
        messages, record = [], None
        body: bytes | memoryview = b""
        for node, parcel in letters.items():
            content = wrap(Frames(head := parcel.head(), parcel.body))
            if record is not None and parcel.body == body:
                content["numbers"] = record
            elif parcel.body:
                record, body = content.array_records["numbers"], parcel.body
            self.sent += len(head) + len(parcel.body)
            messages.append(Message(content, node, kind(parcel.verb), ttl=max(1.0, seconds)))
        nodes = [message.metadata.dst_node_id for message in messages]
        return dict(zip(self.grid.push_messages(messages), nodes, strict=True))

    def fetch(self, waiting: dict[str, int]) -> dict[int, Answer]:
        """What has arrived since; it is taken out of `waiting`."""
        found: dict[int, Answer] = {}
        if not waiting:
            return found
        for message in self.grid.pull_messages(list(waiting)):
            node = waiting.pop(message.metadata.reply_to_message_id, None)
            if node is not None:
                found[node] = self._read(message)
        return found

    def ask(
        self,
        letters: Mapping[int, Parcel],
        *,
        seconds: float,
        meanwhile: Callable[[dict[int, Answer]], None] = lambda _: None,
    ) -> dict[int, Answer]:
        """The answers that arrive in time; `meanwhile` is called with those so far."""
        end = time.monotonic() + seconds
        waiting = self.send(letters, seconds=seconds)
        found: dict[int, Answer] = {}
        while waiting:
            arrived = self.fetch(waiting)
            found |= arrived
            if arrived:
                meanwhile(found)
            if not waiting or time.monotonic() >= end:
                break
            time.sleep(min(self.poll, max(0.0, end - time.monotonic())))
        return found

    def _read(self, message: Message) -> Answer:
        if message.has_error():
            return Failure(message.error.reason or f"Flower's error {message.error.code}")
        try:
            frames = unwrap(message)
            self.received += len(frames.head) + len(frames.body)
            parcel = Parcel.of(*frames)
        except (MessageError, ValueError) as error:
            return Failure(str(error))
        if parcel.verb == FAILED:
            why = str(parcel.facts.get("why", "no reason given"))
            return Failure(why, bool(parcel.facts.get("lasting")))
        return parcel
