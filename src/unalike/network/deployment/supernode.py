"""A site's process: `flower-supernode`, and what its end means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from unalike.network.processes.process import Process

from .environment import command, environment
from .ports import Address, free_port


class Credentials(NamedTuple):
    """How a site knows the server, and how the server knows the site."""

    authority: Path | None = None  # certificate that must have signed the server's
    key: Path | None = None  # private key of the node


StartNode = Callable[[Path, Address, Credentials, Path, Path], Process]
"""Starts a node: its private folder, the server, the credentials, the worker's socket, the log."""


def start_supernode(
    home: Path, server: Address, credentials: Credentials, worker: Path, log: Path
) -> Process:
    """Start it; the ClientApp finds the socket of the `worker` in its node config.

    home: a private folder. It connects outwards only; its own port is on 127.0.0.1.
    """
    authority, key = credentials
    tls = ["--insecure"] if authority is None else ["--root-certificates", str(authority)]
    if key is not None:
        tls += ["--auth-supernode-private-key", str(key)]
    arguments = ["--superlink", str(server), "--host", "127.0.0.1", "--port", str(free_port())]
    arguments += ["--node-config", f'worker="{worker}"']
    return Process(
        "supernode",
        [command("flower-supernode"), *tls, *arguments],
        environment(home),
        log,
    )
