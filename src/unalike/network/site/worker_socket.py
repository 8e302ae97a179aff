"""Frames over the Unix socket between Flower's short-lived process and the worker beside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

from unalike.errors import InputError
from unalike.network.protocol.frames import Frames


def ask(socket: str, request: Frames) -> Frames:
    """The worker's answer.

    Raises:
        RuntimeError: there is no worker, or it ended before it answered.
    """
    try:
        with Client(socket, family="AF_UNIX") as connection:
            _send(connection, request)
            return _receive(connection)
    except (OSError, EOFError) as error:
        what = type(error).__name__
        raise RuntimeError(f"the site's worker does not answer ({what})") from None


def listen(socket: Path) -> Listener:
    """Where requests come in; only this user can send any.

    Raises:
        InputError: there can be no socket at this path.
    """
    mask = os.umask(stat.S_IRWXG | stat.S_IRWXO)
    try:
        socket.unlink(missing_ok=True)
        return Listener(str(socket), family="AF_UNIX", backlog=16)
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"--socket {socket}: no socket can be made there: {why}.") from None
    finally:
        os.umask(mask)


def answer_one(listener: Listener, answer: Callable[[Frames], Frames]) -> None:
    """Wait for a request and answer it; a sender that goes away is forgotten."""
    with suppress(OSError, EOFError), listener.accept() as connection:
        _send(connection, answer(_receive(connection)))


def _send(connection: Connection, frames: Frames) -> None:
    connection.send_bytes(frames.head.encode())
    connection.send_bytes(frames.body)


def _receive(connection: Connection) -> Frames:
    return Frames(connection.recv_bytes().decode(), connection.recv_bytes())
