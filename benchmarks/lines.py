"""A line between a site and its server that can be cut or fall silent: a TCP relay."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Literal

from unalike.network.deployment.ports import Address, free_port

PIECE = 16_384
LOOK_SECONDS = 0.05


class Line:
    """Relays connections to `server` from a port of its own on this machine."""

    def __init__(self, server: Address) -> None:
        self.server, self.address = server, Address("localhost", free_port())
        self._state: Literal["open", "closed", "silent"] = "open"
        self._left = 0  # bytes that may still go up before `_at_upload` is called
        self._at_upload: Callable[[], None] | None = None
        self._loop = asyncio.new_event_loop()
        self._relays: set[asyncio.Task[None]] = set()
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)
        self._thread.start()
        self._opened.wait()

    def open(self) -> None:
        """Carry everything again."""
        self._state = "open"

    def fall_silent(self) -> None:
        """Keep the connections, and carry nothing."""
        self._state = "silent"

    def close(self) -> None:
        """End all connections, and every new one at once."""
        self._state = "closed"
        self._loop.call_soon_threadsafe(self._end_relays)

    def cut_in_upload(self, size: int, then: Callable[[], None]) -> None:
        """Once so many bytes have gone up, end all connections and call `then`."""
        self._left, self._at_upload = size, then

    def stop(self) -> None:
        """For good."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        opening = asyncio.start_server(self._relay, "127.0.0.1", self.address.port)
        self._loop.run_until_complete(opening)
        self._opened.set()
        self._loop.run_forever()

    async def _relay(self, site: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A line is carried by a task of its loop.")
        self._relays.add(task)
        server_end = None
        try:
            if self._state == "closed":
                return
            answers, server_end = await asyncio.open_connection(*self.server)
            ways = self._carry(site, server_end, up=True), self._carry(answers, back, up=False)
            await asyncio.gather(*ways)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._relays.discard(task)
            for end in (back, server_end):
                if end is not None:
                    end.close()

    async def _carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, up: bool
    ) -> None:
        while piece := await source.read(PIECE):
            while self._state == "silent":
                await asyncio.sleep(LOOK_SECONDS)
            if up and self._at_upload is not None:
                self._left -= len(piece)
                if self._left < 0:
                    then, self._at_upload = self._at_upload, None
                    then()
                    self._end_relays()
                    return
            target.write(piece)
            await target.drain()
        with contextlib.suppress(OSError):
            target.close()

    def _end_relays(self) -> None:
        for task in self._relays:
            task.cancel()
