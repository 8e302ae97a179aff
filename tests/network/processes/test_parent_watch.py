"""Who is tied to a parent does not outlive it."""

import subprocess
import sys
import time

from unalike.network.processes.parent_watch import POLL_SECONDS, exit_with_parent

CHILD = """
import time
from unalike.network.processes.parent_watch import exit_with_parent
with exit_with_parent():
    print("tied", flush=True)
    time.sleep(3000)
"""
PARENT = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_child_ends_with_a_parent_that_was_killed() -> None:
    command = [sys.executable, "-c", PARENT, CHILD]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    end = time.monotonic() + 300
    while _runs(int(told)):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_while_the_parent_lives_nothing_ends() -> None:
    with exit_with_parent():
        time.sleep(2.5 * POLL_SECONDS)


def _runs(pid: int) -> bool:
    """Ended and not yet collected by anybody counts as ended."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], stdout=subprocess.PIPE, text=True)
    return found.stdout.strip()[:1] not in ("", "Z")
