"""The ways to run a site's node, by name."""

from __future__ import annotations

from typing import NamedTuple

from .in_process_supernode import start_in_process_supernode
from .supernode import StartNode, start_supernode


class NodeKind(NamedTuple):
    """How a node is started, and whether it waits for the worker before it joins the server."""

    start: StartNode
    waits_for_worker: bool  # by itself, so that both may be started at once


NODES = {
    "supernode": NodeKind(start_supernode, False),
    "one-process": NodeKind(start_in_process_supernode, True),
}
