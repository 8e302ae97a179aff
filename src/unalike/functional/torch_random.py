"""Torch's own random numbers, which all threads of a process share, for one of them at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.RLock()


@contextmanager
def own_random_state(seed: int | None = None) -> Iterator[None]:
    """Draws in here touch nobody else's, and begin with `seed` if there is one.

    Without a device nothing but the processor's draws is seeded: `torch.manual_seed` notes the
    whole stack of calls each time, in case that there is one later.
    """
    with _lock, torch.random.fork_rng(devices=[]):
        if seed is not None:
            if torch.cuda.is_available():
                torch.manual_seed(seed)
            else:
                torch.default_generator.manual_seed(seed)
        yield
