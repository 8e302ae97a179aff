"""No process outlives the one that started it, even one that was killed."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from unalike.errors import InputError
from unalike.network.deployment.environment import FLOWER_VARIABLES, command, environment
from unalike.network.processes.process import Process, stop_all
from unalike.study.folder_lock import lock_folder

LONGEST = 300.0
"""Seconds that anything may take on a busy machine."""

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3000)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(3000)
"""


def start(code: str, log: Path) -> Process:
    return Process("one", [sys.executable, "-c", code], dict(os.environ), log)


def eventually(true: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}").exists() or _state(pid) != "Z"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_exit_code_and_last_words(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("of an earlier start\n")
    process = start("print('so long'); raise SystemExit(3)", tmp_path / "log")
    assert process.wait(LONGEST) == 3
    assert process.output() == "so long\n"
    process.stop()


def test_a_killed_command_has_the_code_of_a_shell(tmp_path: Path) -> None:
    process = start("import os; os.kill(os.getpid(), 9)", tmp_path / "log")
    assert process.wait(LONGEST) == 137
    process.stop()


def test_stop_ends_what_does_not_want_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start(STUBBORN, tmp_path / "log")
    eventually(lambda: len(process.output().split()) == 2)
    pids = [int(pid) for pid in process.output().split()]
    process.stop()
    eventually(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of it")
def test_what_a_killed_supervisor_ran_ends(tmp_path: Path) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(3000)"
    process = start(code, tmp_path / "log")
    eventually(lambda: process.output().strip() != "")
    pid = int(process.output())
    os.kill(process.pid, signal.SIGKILL)
    eventually(lambda: not alive(pid))
    process.stop()


def test_what_a_killed_process_started_ends(tmp_path: Path) -> None:
    parent = f"""
import os, sys, time
from pathlib import Path
from unalike.network.processes.process import Process
started = Process("one", [sys.executable, "-c", '''
import os, time
print(os.getpid(), flush=True)
time.sleep(3000)'''], dict(os.environ), Path({str(tmp_path / "log")!r}))
time.sleep(3000)
"""
    process = subprocess.Popen([sys.executable, "-c", parent])
    log = tmp_path / "log"
    eventually(lambda: log.exists() and log.read_text().endswith("\n"))
    pid = int(log.read_text())
    assert alive(pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    eventually(lambda: not alive(pid))


@pytest.mark.parametrize("seconds", [0, 3000])
def test_what_a_command_leaves_behind_ends_with_it(tmp_path: Path, seconds: int) -> None:
    code = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3000)"])
print(child.pid, flush=True)
time.sleep({seconds})
"""
    process = start(code, tmp_path / "log")
    eventually(lambda: process.output().endswith("\n"))
    child = int(process.output())
    if not seconds:
        assert process.wait(LONGEST) == 0
        eventually(lambda: not alive(child))
    process.stop()
    eventually(lambda: not alive(child))


def test_several_end_at_once(tmp_path: Path) -> None:
    both = [start("import time; time.sleep(3000)", tmp_path / str(i)) for i in range(2)]
    stop_all(None, *both)
    assert not any(process.running for process in both)


def test_nothing_is_sent_to_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", "intranet")
    monkeypatch.setenv("FLWR_TELEMETRY_ENABLED", "1")
    variables = environment(tmp_path)
    assert FLOWER_VARIABLES.items() <= variables.items()
    assert variables["FLWR_TELEMETRY_ENABLED"] == "0"
    assert variables["FLWR_HOME"] == str(tmp_path)
    assert variables["HTTPS_PROXY"] == "http://proxy.example.org:3128"
    assert variables["no_proxy"] == "intranet,127.0.0.1,localhost,::1"
    with pytest.raises(InputError, match=r"unalike\[network\]"):
        command("flower-no-such-command")


def test_one_at_a_time_in_a_folder(tmp_path: Path) -> None:
    with (
        lock_folder(tmp_path),
        pytest.raises(InputError, match="in use by another"),
        lock_folder(tmp_path),
    ):
        pass
    with lock_folder(tmp_path):
        pass


def test_who_waits_for_a_folder_gets_it(tmp_path: Path) -> None:
    with contextlib.ExitStack() as held:
        held.enter_context(lock_folder(tmp_path))
        threading.Timer(0.3, held.pop_all().close).start()
        with lock_folder(tmp_path, timeout=LONGEST):
            pass
