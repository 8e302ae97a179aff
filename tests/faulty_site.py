"""A site whose worker does what a file tells it to: for tests of a server among bad sites."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from unalike.network.deployment import site_process
from unalike.network.protocol.messages import Message
from unalike.network.site import worker
from unalike.network.site.session import Session

FAULT = "FAULT_FILE"
"""Environment variable: the file that names the fault, for the worker's next training only."""


def _faulty(handle: Callable[[Session, Message], Message]) -> Callable[[Session, Message], Message]:
    def handle_badly(self: Session, message: Message) -> Message:
        file = Path(os.environ[FAULT].format(self.settings.client))
        fault = file.read_text() if message.verb == "train" and file.exists() else ""
        if fault:
            file.unlink()
        if fault == "raise":
            raise RuntimeError("deliberately")
        if fault == "hang":
            time.sleep(10_000)
        if fault == "slow":
            file.with_suffix(".slow").touch()
            time.sleep(12)
        answer = handle(self, message)
        if fault in ("", "slow"):
            return answer
        numbers = np.frombuffer(answer.body, np.float32).copy()
        if fault == "nan":
            numbers[3] = np.nan
        if fault == "huge":
            numbers *= 100
        if fault == "shape":
            shapes = {name: ["float32[7]"] for name in answer.shapes}
            return answer._replace(shapes=shapes, body=numbers[:7].tobytes())
        return answer._replace(body=numbers.tobytes())

    return handle_badly


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        Session.handle = _faulty(Session.handle)  # type: ignore[method-assign]
        sys.exit(worker.main(sys.argv[2:]))
    site_process.WORKER_COMMAND = (sys.executable, __file__, "worker")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.exit(site_process.main(sys.argv[1:]))
