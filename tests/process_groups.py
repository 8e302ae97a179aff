"""Groups of processes: a command and its workers."""

import contextlib
import time
from pathlib import Path


def group_is_gone(group: int, seconds: float = 60.0) -> bool:
    """Whether nobody of the group is at work any more, within these seconds (Linux)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(_at_work(stat, group) for stat in Path("/proc").glob("[0-9]*/stat")):
            return True
        time.sleep(0.1)
    return False


def _at_work(stat: Path, group: int) -> bool:
    """Whether this process is of the group and has not ended: one that has may still be listed."""
    with contextlib.suppress(OSError):
        state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        return int(its_group) == group and state not in "ZX"
    return False
