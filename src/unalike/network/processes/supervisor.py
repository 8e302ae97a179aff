"""Run a command that ends when its caller ends, even if the caller was killed.

    python supervisor.py COMMAND ARGUMENT...

The caller holds the other end of standard input; when it closes, the command gets SIGTERM and,
if it does not end, SIGKILL. What it has started and left behind ends with it.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

TERMINATE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL."""

GROUP_TERMINATE_SECONDS = 1.0
"""The same for what it has left behind."""

SET_PARENT_DEATH_SIGNAL = 1
"""prctl's PR_SET_PDEATHSIG."""

_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def main(command: list[str]) -> int:
    """Run the command; its exit code, as a shell gives it."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_end_with_supervisor
    )

    def end(*_: object) -> None:
        if process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()

    def watch_caller() -> None:
        while os.read(0, 4096):
            pass
        end()

    def on_signal(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=end).start()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch_caller, daemon=True).start()
    code = process.wait()
    _end_group(process.pid)
    return code if code >= 0 else 128 - code


def _end_with_supervisor() -> None:
    """In the command, before it begins: SIGTERM when the supervisor is killed. Linux alone can."""
    if _PRCTL is not None:
        _PRCTL(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def _end_group(leader: int) -> None:
    """SIGTERM, and soon SIGKILL, to the processes that a command has left behind."""
    end = time.monotonic() + GROUP_TERMINATE_SECONDS
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGTERM)
        while time.monotonic() < end:
            time.sleep(0.05)
            os.killpg(leader, 0)
        os.killpg(leader, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
