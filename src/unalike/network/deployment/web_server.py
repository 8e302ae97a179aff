"""A web application that is served by a thread of its own while something else goes on."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from typing import Any

import uvicorn
from starlette.applications import Starlette

from .connection_limits import LimitedProtocol

OPEN_FILES = 65_536
"""Connections and files that are enough."""


class Server(uvicorn.Server):
    """uvicorn's server, which leaves no connection open.

    An encrypted one is closed once the other side agrees, which a silent or dead one never does.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        while self.server_state.connections:  # aborted ones are gone after a turn of the loop
            await asyncio.sleep(0)


class WebServer:
    """Serves `app` at `sock` from the start of a `with` to its end."""

    def __init__(self, name: str, sock: socket.socket, app: Starlette, **settings: Any) -> None:
        """settings: more of `uvicorn.Config`."""
        self._name, self._sock = name, sock
        self._server = Server(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="error",  # what strangers send is no line of a keeper's terminal
                access_log=False,
                http=LimitedProtocol,
                ws="none",
                loop="asyncio",
                server_header=False,
                timeout_graceful_shutdown=2,
                **settings,
            )
        )
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Come back when it answers."""
        _allow_open_files()
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        if not self._server.started:
            self._sock.close()
            raise RuntimeError(f"The {self._name} did not open.")

    def stop(self) -> None:
        """Come back when it does not answer any more."""
        self._server.should_exit = True
        self._thread.join()
        self._sock.close()

    def wait(self) -> None:
        """Until it is stopped from elsewhere."""
        self._thread.join()

    def _run(self) -> None:
        self._server.run(sockets=[self._sock])


def _allow_open_files() -> None:
    """Raise this process's own limit, as far as it may: every connection is an open file."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
