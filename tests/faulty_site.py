"""A site whose worker does what a file tells it to: for tests of a server among bad sites.

The file holds a word, and for `sleep` the seconds behind it:

    raise, hang, slow    it fails, never answers, or answers after 12 s and says when it began
    sleep                it answers after so many seconds
    disk                 there is no space left when it writes its state
    nan, huge            its numbers are not finite, or a thousand times as large
    shape, short         it sends other shapes, or fewer bytes than it says
    counts               it has got a million more samples right than there are
"""

from __future__ import annotations

import errno
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from unalike.network.deployment import site_process

if TYPE_CHECKING:
    from unalike.network.protocol.messages import Message
    from unalike.network.site.session import Session

FAULT = "FAULT_FILE"
"""Environment variable: the file that names the fault, for the worker's next training only, or
with `counts` for its next evaluation."""


def _faulty(handle: Callable[[Session, Message], Message]) -> Callable[[Session, Message], Message]:
    def handle_badly(self: Session, message: Message) -> Message:
        file = Path(os.environ[FAULT].format(self.settings.client))
        words = file.read_text().split() if file.exists() else []
        fault = words[0] if words else ""
        if not fault or message.verb != ("evaluate" if fault == "counts" else "train"):
            return handle(self, message)
        file.unlink()
        if fault == "raise":
            raise RuntimeError("deliberately")
        if fault == "hang":
            time.sleep(10_000)
        if fault == "slow":
            file.with_suffix(".slow").touch()
            time.sleep(12)
        if fault == "sleep":
            time.sleep(float(words[1]))
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        store = "unalike.network.site.state_store.StateStore.write"
        disk: Any = mock.patch(store, side_effect=full)
        with disk if fault == "disk" else nullcontext():
            answer = handle(self, message)
        return _changed(answer, fault)

    return handle_badly


def _changed(answer: Message, fault: str) -> Message:
    if fault == "short":
        return answer._replace(body=bytes(answer.body)[:-5])
    if fault == "counts":
        return answer._replace(body=_with_more(answer))
    if fault not in ("nan", "huge", "shape"):
        return answer
    numbers = np.frombuffer(answer.body, np.float32).copy()
    if fault == "nan":
        numbers[3] = np.nan
    if fault == "huge":
        numbers *= 1000
    if fault == "shape":
        shapes = {name: ["float32[7]"] for name in answer.shapes}
        return answer._replace(shapes=shapes, body=numbers[:7].tobytes())
    return answer._replace(body=numbers.tobytes())


def _with_more(answer: Message) -> bytes:
    """The same numbers, each a million larger."""
    parts, start = [], 0
    for text in (text for shapes in answer.shapes.values() for text in shapes):
        name, _, sizes = text.partition("[")
        count = math.prod(int(size) for size in sizes.removesuffix("]").split(",") if size)
        numbers = np.frombuffer(answer.body, name, count, start)
        start += numbers.nbytes
        parts.append((numbers + numbers.dtype.type(10**6)).tobytes())
    return b"".join(parts)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        from unalike.network.site import worker
        from unalike.network.site.session import Session

        Session.handle = _faulty(Session.handle)  # type: ignore[method-assign]
        sys.exit(worker.main(sys.argv[2:]))
    site_process.WORKER_COMMAND = (sys.executable, __file__, "worker")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.exit(site_process.main(sys.argv[1:]))
