"""Groups of processes: a command and its workers."""

import os
import time


def group_is_gone(group: int, seconds: float = 60.0) -> bool:
    """Whether no process of the group is left, as soon as the system has cleared them away."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
