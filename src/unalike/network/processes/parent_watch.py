"""A process that ends with the one that started it, even where that one was killed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

POLL_SECONDS = 1.0
"""Between two looks at the parent."""
EXIT_ORPHANED = 1


@contextmanager
def exit_with_parent() -> Iterator[None]:
    """While this lasts, the process ends at once when its parent has ended."""
    parent, over = os.getppid(), threading.Event()

    def watch() -> None:
        while not over.wait(POLL_SECONDS):
            if os.getppid() != parent:
                os._exit(EXIT_ORPHANED)

    threading.Thread(target=watch, name="parent", daemon=True).start()
    try:
        yield
    finally:
        over.set()
