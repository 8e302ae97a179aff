"""Connections that cost little: how many there may be, and how long one may take to ask.

A connection that sends nothing, or a byte now and then, would otherwise stay for ever.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 1000
"""In all."""
MAX_PER_HOST = 400
"""From one address, behind which there may be many sites."""
SILENT_SECONDS = 30.0
"""That may pass without a byte where a request, or the rest of one, is expected."""
REQUEST_SECONDS = 300.0
"""That the body of a request may take to arrive, and the head of the next one."""
ANSWER_SECONDS = 600.0
"""That an answer may take to be made and read."""
LOOK_SECONDS = 2.0
"""Between two looks at the clock."""


class LimitedProtocol(H11Protocol):
    """uvicorn's protocol, which closes connections that only wait.

    While the gate works on an answer, a node may be silent for as long as that takes.
    """

    _waiting_since: float
    _last_byte: float
    _answering_since: float
    _next_look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting_since = self._last_byte = self._answering_since = time.monotonic()
        host = self.client[0] if self.client else None
        same_host = sum(
            other.client is not None and other.client[0] == host for other in self.connections
        )
        if len(self.connections) > MAX_CONNECTIONS or same_host > MAX_PER_HOST:
            transport.abort()
            return
        self._look()

    def data_received(self, data: bytes) -> None:
        self._last_byte, before = time.monotonic(), self.cycle
        super().data_received(data)
        if self.cycle is not before:  # the head of another request is whole
            self._waiting_since = self._last_byte

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        now = time.monotonic()
        if not self._is_answering():
            self._answering_since = now
        elif now - self._answering_since <= ANSWER_SECONDS:
            self._waiting_since = self._last_byte = now
        silent = now - self._last_byte > SILENT_SECONDS
        if silent or now - self._waiting_since > REQUEST_SECONDS:
            self.transport.abort()
        else:
            self._next_look = self.loop.call_later(LOOK_SECONDS, self._look)

    def _is_answering(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete and not cycle.more_body
