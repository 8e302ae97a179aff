"""Commands whose runs are done by workers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from unalike.study.fork_server import fork_server


def with_workers(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with a server that loads what its workers need while it loads the same."""

    @wraps(command)
    def run(**values: Any) -> None:
        with fork_server(values["jobs"], values.get("backend") or "loky"):
            command(**values)

    return run
