"""A site whose worker does what a file tells it to: for tests of a server among bad sites."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from unalike.network.deployment import site_process as member
from unalike.network.protocol.messages import Parcel
from unalike.network.site import worker
from unalike.network.site.session import Membership

FAULT = "FAULT_FILE"
"""Environment variable: the file that names the fault, for the worker's next training only."""


def _faulty(usual: object) -> object:
    def handle(self: Membership, asked: Parcel) -> Parcel:
        told = Path(os.environ[FAULT].format(self.identity.client))
        fault = told.read_text() if asked.verb == "train" and told.exists() else ""
        if fault:
            told.unlink()
        if fault == "raise":
            raise RuntimeError("deliberately")
        if fault == "hang":
            time.sleep(10_000)
        if fault == "slow":
            told.with_suffix(".slow").touch()
            time.sleep(12)
        answer = usual(self, asked)  # type: ignore[operator]
        if fault in ("", "slow"):
            return answer
        numbers = np.frombuffer(answer.body, np.float32).copy()
        if fault == "nan":
            numbers[3] = np.nan
        if fault == "huge":
            numbers *= 100
        if fault == "shape":
            shapes = {name: ["float32[7]"] for name in answer.shapes}
            return replace_parcel(answer, shapes, numbers[:7].tobytes())
        return replace_parcel(answer, answer.shapes, numbers.tobytes())

    return handle


def replace_parcel(answer: Parcel, shapes: dict[str, list[str]], body: bytes) -> Parcel:
    """The same answer with other numbers."""
    return answer._replace(shapes=shapes, body=body)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        Membership.handle = _faulty(Membership.handle)  # type: ignore[method-assign, assignment]
        sys.exit(worker.main(sys.argv[2:]))
    member.WORKER = (sys.executable, __file__, "worker")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.exit(member.main(sys.argv[1:]))
