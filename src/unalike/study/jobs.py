"""Runs, one after the other in this process or several at once in processes of their own.

Runs never touch each other's files, so how many there are at once changes no result.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from .run import RunTask, run
from .training import ProgressEvent

ProgressCallback = Callable[[ProgressEvent], None]

_channel: Any = None
_stop: Any = None
_parent = 0


def run_all(tasks: Sequence[RunTask], jobs: int, tell: ProgressCallback) -> None:
    """Do all tasks, `jobs` at a time; `tell` is called in this process after every round."""
    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            run(task, tell)
        return
    context = multiprocessing.get_context("spawn")
    channel, stop = context.SimpleQueue(), context.Event()
    with ProcessPoolExecutor(
        min(jobs, len(tasks)),
        mp_context=context,
        initializer=_init_worker,
        initargs=(channel, stop, os.getpid()),
    ) as pool:
        try:
            pending = {pool.submit(_run_in_worker, task) for task in tasks}
            while pending:
                done, pending = wait(pending, timeout=0.1)
                _forward_events(channel, tell)
                for future in done:
                    future.result()
        except BrokenProcessPool:
            raise MemoryError(
                "A worker process was killed, most likely for want of memory; what it had "
                "done is kept: resume with fewer --jobs."
            ) from None
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
    _forward_events(channel, tell)


def _forward_events(channel: Any, tell: ProgressCallback) -> None:
    while not channel.empty():
        tell(channel.get())


def _init_worker(channel: Any, stop: Any, parent: int) -> None:
    """In a new worker: leave interrupts to the parent, and end when it ends."""
    global _channel, _stop, _parent
    _channel, _stop, _parent = channel, stop, parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        die_with_parent = 1
        ctypes.CDLL(None).prctl(die_with_parent, signal.SIGKILL)


def _run_in_worker(task: RunTask) -> None:
    run(task, _send_event)


def _send_event(progress: ProgressEvent) -> None:
    if os.getppid() != _parent:
        os._exit(1)
    _channel.put(progress)
    if _stop.is_set():
        raise InterruptedError("The study was stopped.")
