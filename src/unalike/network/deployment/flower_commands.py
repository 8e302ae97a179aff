"""Commands of flwr, one after the other in one process: each by itself takes seconds to start.

    python -m unalike.network.deployment.flower_commands

A line of standard input is a JSON list of arguments; the line of standard output that answers it is
a JSON text, what the command has written. It ends with its caller, whose end closes standard input.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from importlib import import_module
from typing import IO, Any

COMMAND_SECONDS = 90.0
"""That a command may take."""


class FlowerCommands:
    """A process that obeys."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = dict(variables)
        self._lock = threading.Lock()
        self._process = self._start()

    def __enter__(self) -> FlowerCommands:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, *arguments: str) -> dict[str, Any]:
        """What a command answers in JSON; its exit code would say nothing."""
        with self._lock:
            if self._process.poll() is not None:
                self._end()
                self._process = self._start()
            written = self._ask([*arguments, "--format", "json"])
        with contextlib.suppress(ValueError):
            answer: dict[str, Any] = json.loads(written[written.index("{") :])
            return answer
        return {"success": False, "error-message": written.strip()}

    def _ask(self, arguments: list[str]) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            return ""
        too_long = threading.Timer(COMMAND_SECONDS, self._process.kill)
        too_long.start()
        try:
            stdin.write(json.dumps(arguments) + "\n")
            stdin.flush()
            return str(json.loads(stdout.readline()))
        except (OSError, ValueError):
            limit = f"{COMMAND_SECONDS:.0f} s"
            return f"flwr {arguments[0]} gave no answer: it ended, or took more than {limit}."
        finally:
            too_long.cancel()

    def _end(self) -> None:
        with self._process as process, contextlib.suppress(OSError):
            process.kill()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._variables,
            text=True,
        )


def run_command(arguments: list[str], written: IO[bytes]) -> str:
    """What a command of flwr writes; `written` is the file that standard output goes to."""
    from flwr.cli.app import app

    sys.argv = ["flwr", *arguments]
    written.truncate(0)
    written.seek(0)
    try:
        app(arguments, standalone_mode=False)
    except SystemExit:
        pass
    except Exception as error:
        print(error)
    sys.stdout.flush()
    written.seek(0)
    return written.read().decode("utf-8", "replace")


def main() -> None:
    """Obey until standard input ends; flwr is loaded before anything is asked."""
    with os.fdopen(os.dup(1), "w") as answers, tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 1)
        import_module("flwr.cli.app")
        for line in sys.stdin:
            print(json.dumps(run_command(json.loads(line), written)), file=answers, flush=True)


if __name__ == "__main__":
    main()
