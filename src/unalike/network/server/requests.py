"""Requests to nodes and their answers, over Flower's grid, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from flwr.app import Message as FlowerMessage
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid

from unalike.network.processes.private_folder import make_private_folder
from unalike.network.protocol.audit_log import AuditLog
from unalike.network.protocol.flower_message import message_type, numbers_of, unwrap, wrap
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import FAILED, Message, MessageError

from .pending_answers import PendingAnswers

LOOK_SECONDS = 1.0
"""That one look for answers may take before what is here is used."""
FETCH_SECONDS = 5.0
"""That an answer which came in time may still lie with Flower before it is fetched."""
MAX_PAUSE = 3.0
"""Between two looks for answers that take long, unless `poll` is longer."""


class Failure(NamedTuple):
    """A node that has no answer."""

    why: str
    lasting: bool = False  # asking again is of no use


Answer = Message | Failure

FAILURES = {
    ErrorCode.LOAD_CLIENT_APP_EXCEPTION: "its client app could not be loaded; its log says why",
    ErrorCode.MESSAGE_UNAVAILABLE: "its answer was announced and did not arrive",
    ErrorCode.REPLY_MESSAGE_UNAVAILABLE: "it did not answer in time",
    ErrorCode.NODE_UNAVAILABLE: "it is not there",
    ErrorCode.CLIENT_APP_CRASHED: "its client app crashed; its log says why",
}
"""What Flower's errors mean here; those that a site's code raises say it themselves."""


class Requests:
    """Sends requests to nodes and receives their answers.

    poll: seconds between two looks. audit: where every message is written down.
    """

    def __init__(self, grid: Grid, *, poll: float, audit: AuditLog | None = None) -> None:
        self.grid, self.poll, self._audit = grid, poll, audit

    def send(self, requests: Mapping[int, Message], *, seconds: float) -> PendingAnswers:
        """Send a request to each node, to be answered within `seconds`."""
        return PendingAnswers(self.grid, self.push(requests, seconds=seconds))

    def push(self, requests: Mapping[int, Message], *, seconds: float) -> dict[str, int]:
        """Send a request to each node, to be answered within `seconds`; message id -> node."""
        flower_messages, numbers = [], None
        body: bytes | memoryview = b""
        for node, request in requests.items():
            frames = request.frames()
            self._write_down("out", node, request.verb, frames)
            content = wrap(frames, numbers if request.body == body else None)
            numbers, body = numbers_of(content), request.body
            flower_messages.append(
                FlowerMessage(
                    content, node, message_type(request.verb), ttl=seconds + FETCH_SECONDS
                )
            )
        nodes = [message.metadata.dst_node_id for message in flower_messages]
        return dict(zip(self.grid.push_messages(flower_messages), nodes, strict=True))

    def receive(
        self, pending: PendingAnswers, *, seconds: float = LOOK_SECONDS
    ) -> dict[int, Answer]:
        """What has arrived since, by node; it is no longer pending."""
        received = pending.receive(seconds)
        return {node: self._read(node, message) for node, message in received.items()}

    def _write_down(self, way: Literal["in", "out"], node: int, verb: str, frames: Frames) -> None:
        if self._audit is not None:
            self._audit.write(way, str(node), verb, frames)

    def send_and_receive(
        self, requests: Mapping[int, Message], *, seconds: float
    ) -> dict[int, Answer]:
        """The answers that arrive within `seconds`, by node; the last look comes after them."""
        start = time.monotonic()
        end = start + seconds
        pending = self.send(requests, seconds=seconds)
        answers: dict[int, Answer] = {}
        while pending:
            over = time.monotonic() >= end
            answers |= self.receive(pending)
            if not pending or over:
                break
            time.sleep(min(self._pause(start), max(0.0, end - time.monotonic())))
        return answers

    def _pause(self, start: float) -> float:
        """Seconds until the next look: a tenth of what was waited already, within limits."""
        waited = time.monotonic() - start
        return max(self.poll, min(MAX_PAUSE, waited / 10))

    def _read(self, node: int, message: FlowerMessage) -> Answer:
        if message.has_error():
            reason = message.error.reason or f"Flower's error {message.error.code}"
            return Failure(FAILURES.get(message.error.code, reason))
        try:
            frames = unwrap(message)
            answer = Message.of(frames)
        except (MessageError, ValueError) as error:
            return Failure(str(error))
        self._write_down("in", node, answer.verb, frames)
        if answer.verb == FAILED:
            why = str(answer.facts.get("why", "no reason given"))
            return Failure(why, bool(answer.facts.get("lasting")))
        return answer


def audit_log(folder: Path) -> AuditLog:
    """The log of the federation whose study is in this folder."""
    private = folder / "network"
    make_private_folder(private)
    return AuditLog(private)
