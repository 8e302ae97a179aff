"""Workers of a command: forked from a process that has loaded what they need, on Linux.

Python's fork server loads PyTorch and unalike while the command loads the same.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

PRELOADED = ["unalike.cli.main", "unalike.study.worker"]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""How many threads libraries take, which they ask when they are loaded."""


def with_workers(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with a fork server as long as it runs."""

    @wraps(command)
    def run(**values: Any) -> None:
        with fork_server(values["jobs"], values.get("backend") or "loky"):
            command(**values)

    return run


@contextmanager
def fork_server(jobs: int | None, backend: str) -> Iterator[None]:
    """While this lasts, loky forks its workers from a server that loads beside this process.

    It is for the command alone: where a script asks for workers, each of them would begin with the
    script itself. Nothing happens there, nor where no workers are wanted.

    jobs: runs at the same time; as many as there are cores if not given.
    backend: where runs are done, as `study.backends` names it.
    """
    if not _wanted(jobs, backend) or not _begun(jobs):
        yield
        return
    from joblib.externals.loky.backend import context

    before = context.get_start_method()
    context.set_start_method("forkserver", force=True)
    try:
        yield
    finally:
        context.set_start_method(before, force=True)


def _begun(jobs: int | None) -> bool:
    """Start the server; not where its socket finds no place, as under a long TMPDIR.

    An interrupt from the keyboard is this process's to deal with. Libraries of each worker take
    their share of the cores as threads, unless the user's environment says otherwise.
    """
    from multiprocessing import forkserver  # not on every system

    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
    missing = [name for name in THREADS if name not in os.environ]
    cores = len(os.sched_getaffinity(0))
    threads = 1 if jobs is None or jobs < 1 else max(1, cores // jobs)
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(missing, str(threads)))
    try:
        forkserver.ensure_running()
    except OSError:
        return False
    finally:
        signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
        for name in missing:
            del os.environ[name]
    return True


def _wanted(jobs: int | None, backend: str) -> bool:
    """Whether this makes workers, here, where a server for them can be begun."""
    if sys.platform != "linux" or backend != "loky" or not _is_command():
        return False
    several = (len(os.sched_getaffinity(0)) if jobs is None else jobs) != 1
    return several and threading.current_thread() is threading.main_thread()


def _is_command() -> bool:
    """Whether what Python was begun with is the command, or nothing that a worker could repeat."""
    begun = sys.modules["__main__"]
    path = getattr(begun, "__file__", None)
    return path is None or Path(path).name == "unalike" or begun.__package__ == "unalike"
