"""A site's node as one process instead of Flower's own, with tested versions of it alone.

See `in_process_node`.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from unalike.errors import InputError
from unalike.network.processes.process import Process

from .environment import environment
from .ports import Address
from .supernode import Credentials

TESTED_VERSIONS = ("1.41.0", "1.42.0")
COMMAND = (sys.executable, "-m", "unalike.network.deployment.in_process_node")


def check_flower_version() -> None:
    """Refuse a version of Flower with which it was not tried.

    Raises:
        InputError: such a version is installed.
    """
    if (installed := version("flwr")) not in TESTED_VERSIONS:
        raise InputError(
            f"--one-process was tested with flwr {' and '.join(TESTED_VERSIONS)}, but {installed} "
            "is installed here: leave the option out."
        )


def start_in_process_supernode(
    home: Path, server: Address, credentials: Credentials, worker: Path, log: Path
) -> Process:
    """Start it, as `supernode.start_supernode` does; it listens nowhere."""
    check_flower_version()
    authority, key = credentials
    tls = [] if authority is None else ["--authority", str(authority)]
    if key is not None:
        tls += ["--key", str(key)]
    command = [*COMMAND, "--server", str(server), "--worker", str(worker), *tls]
    return Process("node", command, environment(home), log)
