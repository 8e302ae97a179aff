"""A site's node in one process: it fetches messages and answers them itself.

Flower's own node starts a process for every message. This one speaks to the Fleet API with the
node's side of flwr and runs the same ClientApp. That side is private to flwr and may change with
any release: all of it that unalike uses is imported here and nowhere else. Tested with flwr 1.41.0
and 1.42.0, which `in_process_supernode` makes sure of.

The bundle of a run is not fetched, so no code that a server names is run here.

    --server HOST:PORT    of the SuperLink, or of the gate before it
    --worker PATH         the worker's Unix socket; it is waited for before the server is asked
    --authority FILE      certificates that must have signed the server's; without it no TLS
    --key FILE            private key of the node, in OpenSSH form

The log says "SuperNode ID" once the server has let the node in, and "Exit Code" where it has not,
as Flower's own does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from logging import ERROR, INFO
from pathlib import Path
from typing import NamedTuple, NoReturn

from flwr.app import Context, Error, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.proto.message_pb2 import ObjectTree
from flwr.supercore import log
from flwr.supercore.exit import register_signal_handlers
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_utils import (
    pull_and_inflate_object_from_tree,
    push_objects,
)
from flwr.supercore.run import RunNotRunningException
from flwr.supercore.telemetry import EventType
from flwr.supernode.fleet_http_connection import http_request_response

from unalike.network.site.client_app import app

from .keys import read_private

WORKER_SECONDS = 0.05
"""Between two looks for the worker's socket."""
MIN_WAIT, MAX_WAIT = 0.2, 3.0
"""Seconds between two looks for a message; between these, a tenth of the time since the last."""
PART_SECONDS = 0.1
"""Before a part of a message that was announced and is not there yet is asked for again; doubled
each time. Flower's own node waits ten times as long."""


class Connection(NamedTuple):
    """What flwr's connection offers, in its order."""

    node: int
    receive: Callable[[], tuple[Message, ObjectTree] | None]
    send: Callable[[Message, ObjectTree, float], tuple[set[str], str]]
    get_run: Callable[[int], object]
    get_bundle: Callable[[str, int], object]
    pull: Callable[[int, str], bytes]
    push: Callable[[int, str, str, bytes], None]
    confirm: Callable[[int, str], None]


class InProcessNode:
    """Answers messages one after the other; `worker` is the worker's socket."""

    def __init__(self, connection: Connection, worker: str) -> None:
        self._connection, self._worker = connection, worker

    def run(self) -> NoReturn:
        """Until the process is ended."""
        last_answer = time.monotonic()
        while True:
            if self.answer_next():
                last_answer = time.monotonic()
            else:
                time.sleep(min(MAX_WAIT, max(MIN_WAIT, (time.monotonic() - last_answer) / 10)))

    def answer_next(self) -> bool:
        """Answer the next message; whether there was one."""
        try:
            received = self._connection.receive()
        except RunNotRunningException:
            return False
        if received is None:
            return False
        head, tree = received
        try:
            self._fetch_and_answer(head.metadata.run_id, tree)
        except RunNotRunningException:
            log(
                INFO, "Run %s is over; message %s is dropped.", head.metadata.run_id, tree.object_id
            )
        except Exception as error:
            log(ERROR, "Message %s is not answered.", tree.object_id, exc_info=error)
        return True

    def _fetch_and_answer(self, run: int, tree: ObjectTree) -> None:
        """Fetch a message, have it answered, and send the answer."""
        connection = self._connection
        message = pull_and_inflate_object_from_tree(
            tree,
            partial(connection.pull, run),
            partial(connection.confirm, run),
            return_type=Message,
            initial_backoff=PART_SECONDS,
        )
        message.metadata.__dict__["_message_id"] = tree.object_id
        started = time.monotonic()
        reply = self._answer(message)
        seconds = time.monotonic() - started
        with no_object_id_recompute():
            reply.metadata.__dict__["_message_id"] = reply.object_id
            wanted, session = connection.send(reply, get_object_tree(reply), seconds)
            parts = get_all_nested_objects(reply)
            push_objects(parts, partial(connection.push, run, session), object_ids_to_push=wanted)

    def _answer(self, message: Message) -> Message:
        """The worker's answer, or the error in Flower's words for it."""
        context = Context(
            run_id=message.metadata.run_id,
            node_id=self._connection.node,
            node_config={"worker": self._worker},
            state=RecordDict(),
            run_config={},
        )
        try:
            return app(message, context)
        except Exception as error:
            log(ERROR, "The message was answered with an error.", exc_info=error)
            reason = f"{type(error)}:<'{error}'>"
            return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason), reply_to=message)


def main(arguments: Sequence[str] | None = None) -> None:
    """Take part until the process is ended or the server turns the node away."""
    options = _parser().parse_args(arguments)
    authority = None if options.authority is None else options.authority.read_bytes()
    register_signal_handlers(EventType.RUN_SUPERNODE_LEAVE, "The node has left.")
    private = None if options.key is None else read_private(options.key)
    keys = None if private is None else (private, private.public_key())
    while not Path(options.worker).exists():
        time.sleep(WORKER_SECONDS)
    with http_request_response(options.server, authority is None, authority, keys) as opened:
        connection = Connection(*opened)
        log(INFO, "SuperNode ID: %s", connection.node)
        InProcessNode(connection, options.worker).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m unalike.network.deployment.in_process_node")
    parser.add_argument("--server", required=True)
    parser.add_argument("--worker", required=True)
    parser.add_argument("--authority", type=Path)
    parser.add_argument("--key", type=Path)
    return parser


if __name__ == "__main__":
    main()
