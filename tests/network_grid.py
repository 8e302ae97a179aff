"""Flower without its processes: the real messages, server side and client side in one process."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from flwr.app import Context, Error, RecordDict
from flwr.app import Message as FlowerMessage
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.messages import Message

TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1

Node = Callable[[FlowerMessage], FlowerMessage | None]
"""What a node does with a message: its answer, None for silence, or an error raised."""


class InProcessGrid(Grid):
    """Nodes that answer at once. `bytes_down` and `bytes_up` count the numbers that travelled."""

    def __init__(self, nodes: dict[int, Node] | None = None) -> None:
        self.nodes = dict(nodes or {})
        self.log: list[tuple[int, FlowerMessage, FlowerMessage | None]] = []
        self._replies: dict[str, FlowerMessage] = {}

    def set_run(self, run: Any) -> None: ...

    @property
    def run(self) -> Any:
        return None

    def create_message(self, *args: Any, **kwargs: Any) -> Message:
        raise NotImplementedError

    def get_node_ids(self) -> list[int]:
        return list(self.nodes)

    def push_messages(self, messages: Iterable[FlowerMessage]) -> list[str]:
        names = []
        for message in messages:
            names.append(f"m{len(self.log)}")
            message.metadata.__dict__["_message_id"] = names[-1]
            reply = self._answer(copy.deepcopy(message))
            self.log.append((message.metadata.dst_node_id, message, reply))
            if reply is not None:
                self._replies[names[-1]] = reply
        return names

    def _answer(self, message: FlowerMessage) -> FlowerMessage | None:
        node = self.nodes.get(message.metadata.dst_node_id)
        if node is None:
            return FlowerMessage(Error(5, "Node Unavailable"), reply_to=message)
        try:
            return copy.deepcopy(node(message))
        except Exception as error:
            return FlowerMessage(Error(2, f"{type(error)}:<'{error}'>"), reply_to=message)

    def pull_messages(self, message_ids: Iterable[str]) -> list[FlowerMessage]:
        return [self._replies.pop(name) for name in message_ids if name in self._replies]

    def send_and_receive(
        self, messages: Iterable[FlowerMessage], *, timeout: float | None = None
    ) -> list[FlowerMessage]:
        return self.pull_messages(self.push_messages(messages))

    @property
    def bytes_down(self) -> int:
        """Bytes of numbers sent to nodes so far."""
        return sum(_bytes(message) for _, message, _ in self.log)

    @property
    def bytes_up(self) -> int:
        """Bytes of numbers sent by nodes so far."""
        return sum(_bytes(reply) for _, _, reply in self.log if reply and reply.has_content())


def node(handle: Callable[[Message], Message]) -> Node:
    """A node that answers messages of unalike in this process."""

    def answer(message: FlowerMessage) -> FlowerMessage:
        return FlowerMessage(wrap(handle(Message.of(unwrap(message))).frames()), reply_to=message)

    return answer


def app_node(app: ClientApp, **config: Any) -> Node:
    """A node that runs this client app."""
    context = Context(run_id=1, node_id=1, node_config=config, state=RecordDict(), run_config={})
    return lambda message: app(message, context)


def _bytes(message: FlowerMessage) -> int:
    return len(unwrap(message).body)
