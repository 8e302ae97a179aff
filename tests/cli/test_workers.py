"""Workers of a command: forked from a server that has loaded what they need, and gone with it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from process_groups import group_is_gone
from small_studies import SMALL, options
from unalike.engines.machine import cores

RUNS = {**SMALL, "rounds": 100_000, "seeds": 4, "methods": "fedavg,scaffold"}
"""Far more than there are workers, none of which is ever done."""

COMMAND = """
import signal
from unalike.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
main()
"""
SCRIPT = """
import os, sys
import joblib
from unalike.cli.workers import fork_server

OWN = os.getpid()

def worker():
    loaded = "unalike.study.run" in sys.modules
    return os.getppid() == OWN, loaded, os.environ.get("OMP_NUM_THREADS")

with fork_server({jobs}, {backend!r}):
    found = joblib.Parallel(2)(joblib.delayed(worker)() for _ in range(2))
print(*found[0])
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="the fork server is used on Linux")


@linux
@pytest.mark.parametrize(
    ("jobs", "backend", "said"),
    [
        (2, "loky", "False True"),
        (1, "loky", "True False"),
        (2, "threading", "True False"),
    ],
)
def test_workers_come_loaded_where_a_command_wants_them(jobs: int, backend: str, said: str) -> None:
    script = SCRIPT.format(jobs=jobs, backend=backend)
    without = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=without
    )
    assert done.stdout.strip() == f"{said} {max(1, cores() // 2)}"


@linux
def test_a_script_that_calls_the_command_is_not_repeated_by_its_workers(tmp_path: Path) -> None:
    given = [*options(SMALL | {"methods": "fedavg"}), "--jobs", "2", "--out", str(tmp_path / "s")]
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom unalike.cli.main import main\n\nprint('begun')\n"
        f"sys.argv = ['unalike', 'compare', *{given}]\nmain()\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.count("begun") == 1
    assert (tmp_path / "s" / "summary.csv").exists()


@linux
def test_workers_load_by_themselves_where_a_server_finds_no_place(tmp_path: Path) -> None:
    """Its socket has a path, which the system allows 107 letters."""
    place = tmp_path / ("x" * 100)
    place.mkdir()
    script = SCRIPT.format(jobs=2, backend="loky")
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=os.environ | {"TMPDIR": str(place)},
    )
    assert done.stdout.split()[:2] == ["True", "False"]


@linux
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_command(sent: signal.Signals, tmp_path: Path) -> None:
    """At Ctrl-C, which all of them hear, and where the command alone is killed."""
    folder = tmp_path / "study"
    arguments = ["compare", *options(RUNS), "--jobs", "2", "--out", str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while not list(folder.rglob("metrics.jsonl")) and process.poll() is None:
            time.sleep(0.01)
        if sent == signal.SIGKILL:
            process.kill()
        else:
            os.killpg(process.pid, sent)
        process.wait()
        assert group_is_gone(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    said = process.communicate()[1]
    assert "Traceback" not in said
    assert ("unalike: Interrupted. What is done is kept" in said) == (sent == signal.SIGINT)
