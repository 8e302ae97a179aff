"""Carries one message to the site's worker and its answer back.

Flower starts this anew for every message, so it imports neither torch nor anything large: samples,
model and private state stay in the worker.
"""

from __future__ import annotations

import os

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from unalike.network.protocol.flower_message import unwrap, wrap

from .worker_socket import ask

app = ClientApp()


def _forward(message: Message, context: Context) -> Message:
    worker = context.node_config.get("worker") or os.environ["UNALIKE_WORKER"]
    answer = ask(str(worker), unwrap(message))
    return Message(wrap(answer), reply_to=message)


app.train()(_forward)
app.evaluate()(_forward)
app.query()(_forward)
