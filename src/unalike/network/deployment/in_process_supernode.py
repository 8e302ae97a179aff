"""A site's node as one process instead of Flower's own, see `node`; only with tested versions."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from unalike.errors import InputError
from unalike.network.processes.process import Process

from .environment import environment
from .ports import Address
from .supernode import Credentials

TESTED = ("1.41.0", "1.42.0")
NODE = (sys.executable, "-m", "unalike.network.deployment.in_process_node")


def check_flower() -> None:
    """Refuse a version of Flower with which it was not tried.

    Raises:
        InputError: such a version is installed.
    """
    if (installed := version("flwr")) not in TESTED:
        raise InputError(
            f"--one-process was tested with flwr {' and '.join(TESTED)}, but {installed} is "
            "installed here: leave the option out."
        )


def start_one_process(
    home: Path, server: Address, credentials: Credentials, worker: Path, log: Path
) -> Process:
    """Start it, as `supernode.start_supernode` does; it listens nowhere."""
    check_flower()
    authority, key = credentials
    secure = [] if authority is None else ["--authority", str(authority)]
    if key is not None:
        secure += ["--key", str(key)]
    command = [*NODE, "--server", str(server), "--worker", str(worker), *secure]
    return Process("node", command, environment(home), log)
