"""With what, and where, a study is made: the content of its environment.json."""

from __future__ import annotations

import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

import torch

from unalike.engines.machine import cores


def environment() -> dict[str, str]:
    """Versions and machine."""
    return {
        "unalike": version("unalike"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "platform": platform.platform(),
        "cores": str(cores()),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }
