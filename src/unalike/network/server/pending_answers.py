"""Answers that are waited for. Each is fetched by itself, in a thread of its own.

Flower announces an answer before it has arrived, and whoever fetches it waits until the sender has
uploaded all of it or is given up, for minutes. An upload that never ends must hold up nobody else.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping

from flwr.app import Message as FlowerMessage
from flwr.serverapp import Grid

MAX_FETCHES = 32
"""That are at work at once; those that take long are not counted."""
LONG_SECONDS = 5.0
"""After which a fetch takes long."""

Fetched = tuple[str, "list[FlowerMessage] | Exception"]
"""The name of a request, and what was there for it: nothing, its answer, or an error."""


class PendingAnswers:
    """Requests that have no answer yet, and the nodes they went to."""

    def __init__(self, grid: Grid, requests: Mapping[str, int] | None = None) -> None:
        """requests: the name of each message sent -> node."""
        self._grid = grid
        self._nodes: dict[str, int] = dict(requests or {})  # the next to be looked for first
        self._begun: dict[str, float] = {}  # request -> when its fetch began
        self._fetched: queue.SimpleQueue[Fetched] = queue.SimpleQueue()

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def nodes(self) -> set[int]:
        """The nodes that have not answered."""
        return set(self._nodes.values())

    def add(self, requests: Mapping[str, int]) -> None:
        """Wait for the answers to these too."""
        self._nodes.update(requests)

    def receive(self, seconds: float) -> dict[int, FlowerMessage]:
        """What has arrived since, by node; they are no longer waited for.

        seconds: that one look at all of them may take. What takes longer comes with a later look.
        """
        end = time.monotonic() + seconds
        received: dict[int, FlowerMessage] = {}
        to_look_for = [name for name in self._nodes if name not in self._begun]
        looked_for: set[str] = set()
        while True:
            while to_look_for and self._quick_fetches() < MAX_FETCHES:
                name = to_look_for.pop(0)
                looked_for.add(name)
                self._begin(name)
            wait = end - time.monotonic() if looked_for or to_look_for else 0.0
            try:
                name, result = self._fetched.get(timeout=max(wait, 0.001))
            except queue.Empty:
                return received
            looked_for.discard(name)
            self._begun.pop(name, None)
            if isinstance(result, Exception):
                raise result
            for message in result:
                received[self._nodes.pop(name)] = message
            if not result:
                self._nodes[name] = self._nodes.pop(name)

    def _begin(self, name: str) -> None:
        self._begun[name] = time.monotonic()
        threading.Thread(
            target=_fetch, args=(self._grid, name, self._fetched), name="fetch", daemon=True
        ).start()

    def _quick_fetches(self) -> int:
        limit = time.monotonic() - LONG_SECONDS
        return sum(begun > limit for begun in self._begun.values())


def _fetch(grid: Grid, name: str, fetched: queue.SimpleQueue[Fetched]) -> None:
    """Look once for the answer to a request."""
    try:
        fetched.put((name, list(grid.pull_messages([name]))))
    except Exception as error:
        fetched.put((name, error))
