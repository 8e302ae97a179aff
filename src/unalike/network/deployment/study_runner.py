"""Does the study in the place of Flower's helpers: one process, loaded before there is a run.

Flower starts a process that looks for runs, which starts another for each. Both load Flower, one
after the other, and the second only then what the study needs. This one loads all of it at once,
while Flower's server starts, takes over one run and is then Flower's own `flwr-serverapp`. How a
run is taken over is private to flwr and may change with any release: all of it that unalike uses
is imported here and nowhere else. It is the same in flwr 1.41.0 and 1.42.0.

    --superlink HOST:PORT   Flower's server
    --authority FILE        certificates that must have signed its own; without it no TLS
    --run FILE              appears once there is a run, and holds its id
    --load MODULE           is imported before that; may be repeated
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from flwr.proto.runtime_pb2 import AcquireTaskRequest
from flwr.supercore.constant import TaskType
from flwr.supercore.inflatable.inflatable_utils import pull_objects
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
from flwr.supercore.retry import make_simple_http_retry_invoker
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.superlink.cli import flwr_serverapp
from flwr.superlink.grid import http_grid

POLL_SECONDS = 0.05
"""Between two looks for the run's id."""
ACQUIRE_SECONDS = 60.0
"""In which Flower must hand over the run."""
ACQUIRE_POLL_SECONDS = 0.5
PART_SECONDS = 0.1
"""Before a part of an answer that was announced and is not there yet is asked for again; doubled
each time. Flower waits ten times as long and cannot be told otherwise, so its function is set."""


def acquire(client: RuntimeHttpClient, run: int) -> str:
    """What proves to Flower that this process is the run's; older runs that still wait are let go.

    Raises:
        SystemExit: Flower does not hand it over.
    """
    request = AcquireTaskRequest(supported_task_types=[TaskType.SERVER_APP])
    end = time.monotonic() + ACQUIRE_SECONDS
    while time.monotonic() < end:
        answer = client.AcquireTask(request)
        if not answer.token:
            time.sleep(ACQUIRE_POLL_SECONDS)
        elif answer.task.run_id == run:
            return str(answer.token)
    sys.exit(f"Flower did not hand over run {run} within {ACQUIRE_SECONDS:.0f} s.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Load, wait for the run, and do it."""
    options = _parser().parse_args(arguments)
    for module in options.load:
        import_module(module)
    while not options.run.exists():
        time.sleep(POLL_SECONDS)
    run = int(options.run.read_text())
    client = RuntimeHttpClient.from_server_address(
        options.superlink,
        insecure=options.authority is None,
        root_certificates=None if options.authority is None else options.authority.read_bytes(),
        interceptors=[RuntimeVersionHttpInterceptor(component_name="SuperExec")],
        retry_invoker=make_simple_http_retry_invoker(),
    )
    token = acquire(client, run)
    client.close()
    sooner = partial(pull_objects, initial_backoff=PART_SECONDS)
    http_grid.pull_objects = sooner  # type: ignore[attr-defined]
    trust = ["--insecure"]
    if options.authority is not None:
        trust = ["--root-certificates", str(options.authority)]
    sys.argv = ["flwr-serverapp", "--runtime-api-address", options.superlink, *trust]
    sys.argv += ["--token", token]  # of this process alone: what `ps` shows stays as it was
    flwr_serverapp()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m unalike.network.deployment.study_runner")
    parser.add_argument("--superlink", required=True)
    parser.add_argument("--authority", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--load", action="append", default=[], metavar="MODULE")
    return parser


if __name__ == "__main__":
    main()
