"""A run in a process that is not the one that asked for it: a child, a thread, another machine."""

from __future__ import annotations

import ctypes
import hashlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
from dataclasses import replace
from functools import cache
from io import BytesIO
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from unalike.errors import InputError, WorkerError
from unalike.plugins import install, load_plugins, loaded_sources, own_registrations

from .folder_lock import FolderInUseError
from .inputs import UserInputs
from .progress_file import ProgressWriter
from .run import RunTask, run
from .training import ProgressEvent

Packed = NDArray[np.uint8]
MOST_STARTS = 2
"""A run whose worker died is begun once more."""


class Origin(NamedTuple):
    """The process that asked for a run."""

    host: str
    pid: int

    @staticmethod
    def here() -> Origin:
        """This process."""
        return Origin(socket.gethostname(), os.getpid())

    @property
    def is_parent(self) -> bool:
        """Whether it has started this process, by itself or through its fork server."""
        starter = multiprocessing.parent_process()
        pids = {os.getppid()} | (set() if starter is None else {starter.pid})
        return self.host == socket.gethostname() and self.pid in pids


class Request(NamedTuple):
    """A run that is asked for."""

    task: bytes  # a `RunTask` without its inputs, which may be of classes that these bring
    inputs: str  # names them
    attempt: str  # names this request
    origin: Origin


def pack(inputs: UserInputs) -> Packed:
    """What a user brought along, as bytes that any worker can read.

    Classes of a script, a notebook or a function travel with it, and so does what was registered
    there; what plugins bring is imported from them. An array, because backends keep one copy of an
    array for all runs of a machine.

    Raises:
        InputError: something in it cannot travel.
    """
    stream = BytesIO()
    try:
        cloudpickle.dump(loaded_sources(), stream)
        cloudpickle.dump((own_registrations(), inputs), stream)
    except Exception as error:
        raise InputError(
            "The data, the model or something that was registered cannot be sent to other "
            f"processes ({error}): take jobs=1."
        ) from None
    return np.frombuffer(stream.getbuffer(), np.uint8)


def unpack(content: bytes, *, here: bool) -> UserInputs:
    """The inverse of `pack`, with plugins and what was registered at hand.

    here: whether it was packed by this process, which has them.

    Raises:
        InputError: a plugin cannot be imported here.
    """
    stream = BytesIO(content)
    plugins = cloudpickle.load(stream)
    if not here:
        load_plugins(plugins)
    registrations, inputs = cloudpickle.load(stream)
    if not here:
        install(registrations)
    return inputs


def digest(content: bytes) -> str:
    """What names packed inputs."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def do(request: Request, packed: Packed | Path) -> bool:
    """Do the run; what it has to say goes to its progress file.

    False where another process is doing it.

    Raises:
        InterruptedError: the one who asked wants it to end.
        WorkerError: workers die of this run.
    """
    child, parent = request.origin.is_parent, os.getppid()
    if child:
        _end_with_parent()
    inputs = _unpacked(request.inputs, packed, here=request.origin == Origin.here())
    task: RunTask = replace(cloudpickle.loads(request.task), inputs=inputs)
    try:
        with task.store.locked():
            progress = ProgressWriter(task.run_folder, request.attempt)
            if progress.starts > MOST_STARTS:
                raise WorkerError(
                    f"Workers died {MOST_STARTS} times of {task.title}; what it had done is kept: "
                    f"go on with 'unalike resume {task.folder}'."
                )

            def tell(event: ProgressEvent) -> None:
                if child and os.getppid() != parent:
                    os._exit(1)
                progress.tell(event)

            run(task, tell)
    except FolderInUseError:
        return False
    return True


_lock = threading.Lock()
_latest: tuple[str, UserInputs] | None = None


def _unpacked(name: str, packed: Packed | Path, *, here: bool) -> UserInputs:
    """The inputs of this name; one object for all runs of a process, which share its traces."""
    global _latest
    with _lock:
        if _latest is None or _latest[0] != name:
            content = packed.read_bytes() if isinstance(packed, Path) else packed.tobytes()
            if digest(content) != name:
                raise WorkerError(f"{packed} does not hold what this study was given.")
            _latest = name, unpack(content, here=here)
        return _latest[1]


@cache
def _end_with_parent() -> None:
    """Leave interrupts to the parent, and end when it ends."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    starter = multiprocessing.parent_process()
    if starter is not None and starter.pid != os.getppid():
        watch = threading.Thread(target=_exit_after, args=(starter,), name="parent", daemon=True)
        watch.start()
    elif sys.platform == "linux":
        die_with_parent = 1
        ctypes.CDLL(None).prctl(die_with_parent, signal.SIGKILL)


def _exit_after(starter: BaseProcess) -> None:
    """End with the process that asked a fork server for this one."""
    starter.join()
    os._exit(1)
