"""A process that ends with the one that started it, even where that one was killed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LOOK = 1.0
"""Seconds between two looks at the parent."""
ORPHANED = 1
"""Exit status."""


@contextmanager
def tied_to_parent() -> Iterator[None]:
    """While this lasts, the process ends at once when its parent has ended."""
    parent, over = os.getppid(), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK):
            if os.getppid() != parent:
                os._exit(ORPHANED)

    threading.Thread(target=watch, name="parent", daemon=True).start()
    try:
        yield
    finally:
        over.set()
