"""The environment of every Flower process: a folder of its own, and nothing sent to anybody."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from unalike.errors import InputError

FLOWER_VARIABLES = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.2",  # s; a node starts a process for every message
    "PYTHONUNBUFFERED": "1",
}
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def environment(home: Path) -> dict[str, str]:
    """The caller's environment with Flower's files in `home` and the machine's own names direct.

    A proxy for the outside stays in force. Flower starts its helpers by bare name, so the folder
    of this interpreter comes first in PATH.
    """
    variables = {**os.environ, **FLOWER_VARIABLES, "FLWR_HOME": str(home)}
    variables.pop("FORCE_COLOR", None)  # of a notebook: what commands write is read by programs
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    variables["PATH"] = os.pathsep.join(filter(None, paths))
    for name in ("NO_PROXY", "no_proxy"):
        variables[name] = ",".join(filter(None, [os.environ.get(name, ""), *LOCAL_HOSTS]))
    return variables


def command(name: str) -> str:
    """Where a command of flwr lies: beside this interpreter, or in PATH."""
    own = Path(sys.executable).parent / name
    path = str(own) if own.exists() else shutil.which(name)
    if path is None:
        raise InputError(f"The command {name} of flwr is missing: pip install 'unalike[network]'.")
    return path
