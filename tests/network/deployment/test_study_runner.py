"""The process that does the study: what it loads before there is a run, and how it gets the run."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from flwr.supercore.constant import PULL_INITIAL_BACKOFF, TaskType
from flwr.supercore.inflatable.inflatable_utils import ObjectUnavailableError
from flwr.superlink.grid import http_grid

from unalike.network.deployment import study_runner
from unalike.network.deployment.ports import parse_address
from unalike.network.deployment.study_process import StudyProcess


class FakeRuntime:
    """Flower's server: hands over runs in this order, each once; None: there is none just now."""

    def __init__(self, *runs: int | None) -> None:
        self._runs = list(runs)
        self.closed = False
        self.asked: list[object] = []

    def connect(self, address: str, **more: object) -> FakeRuntime:
        self.asked += [address, more["insecure"], more["root_certificates"]]
        return self

    def AcquireTask(self, request: object) -> SimpleNamespace:  # noqa: N802
        assert list(getattr(request, "supported_task_types", [])) == [TaskType.SERVER_APP]
        run = self._runs.pop(0) if self._runs else None
        token = "" if run is None else f"token of {run}"
        return SimpleNamespace(token=token, task=SimpleNamespace(run_id=run))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens in each pause, first to last; the clock goes on by its seconds."""
    now, happens = [0.0], list[Callable[[], object]]()

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if happens:
            happens.pop(0)()

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return happens


@pytest.mark.usefixtures("sleeps")
def test_older_runs_that_still_wait_are_let_go() -> None:
    runtime = FakeRuntime(None, 3, None, 4, 5)
    assert study_runner.acquire(runtime, 4) == "token of 4"  # type: ignore[arg-type]


@pytest.mark.usefixtures("sleeps")
def test_a_run_that_is_not_handed_over_ends_the_process() -> None:
    with pytest.raises(SystemExit, match="did not hand over run 4"):
        study_runner.acquire(FakeRuntime(3), 4)  # type: ignore[arg-type]


def run_main(monkeypatch: pytest.MonkeyPatch, runtime: FakeRuntime, arguments: list[str]) -> None:
    """What a run of the module does, up to Flower's part."""
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(http_grid, "pull_objects", http_grid.pull_objects)  # set back afterwards
    monkeypatch.setattr(study_runner.RuntimeHttpClient, "from_server_address", runtime.connect)
    study_runner.main(arguments)


def test_a_part_of_an_answer_is_soon_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer is announced before it has arrived."""
    (tmp_path / "run").write_text("7")
    monkeypatch.setattr(study_runner, "flwr_serverapp", lambda: None)
    arguments = ["--superlink", "127.0.0.1:9", "--run", str(tmp_path / "run")]
    run_main(monkeypatch, FakeRuntime(7), arguments)
    waits, missing, plain = list[float](), [True], threading.Event.wait

    def wait(event: threading.Event, seconds: float | None = None) -> bool:
        if seconds is None:  # for a thread to start
            return plain(event)
        waits.append(seconds)
        return False

    def fetch(name: str) -> bytes:
        if missing.pop():
            missing.append(False)
            raise ObjectUnavailableError(name)
        return b"part"

    monkeypatch.setattr(threading.Event, "wait", wait)
    assert http_grid.pull_objects(["part"], fetch) == {"part": b"part"}
    assert len(waits) == 1
    assert waits[0] < PULL_INITIAL_BACKOFF / 2


@pytest.mark.parametrize("tls", [False, True])
def test_all_is_loaded_before_there_is_a_run(
    tls: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sleeps: list[Callable[[], object]],
) -> None:
    loaded, run, runtime = list[str](), tmp_path / "run", FakeRuntime(7)
    (tmp_path / "ca.crt").write_text("trusted")
    sleeps += [lambda: loaded.append("waits"), lambda: run.write_text("7")]
    monkeypatch.setattr(study_runner, "import_module", loaded.append)
    monkeypatch.setattr(study_runner, "flwr_serverapp", lambda: loaded.extend(sys.argv))
    trust = ["--authority", str(tmp_path / "ca.crt")] if tls else []
    arguments = ["--superlink", "127.0.0.1:9", "--run", str(run), "--load", "a", "--load", "b"]
    run_main(monkeypatch, runtime, [*arguments, *trust])
    assert loaded[:3] == ["a", "b", "waits"]
    shown = ["--root-certificates", str(tmp_path / "ca.crt")] if tls else ["--insecure"]
    assert loaded[3:] == [
        "flwr-serverapp",
        "--runtime-api-address",
        "127.0.0.1:9",
        *shown,
        "--token",
        "token of 7",
    ]
    assert runtime.asked == ["127.0.0.1:9", not tls, b"trusted" if tls else None]
    assert runtime.closed


def test_another_run_is_waited_for_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id of the last run does not make the next process begin it."""
    code = "import sys, time; sys.stdout.write(' '.join(sys.argv[1:])); time.sleep(600)"
    monkeypatch.setattr(
        "unalike.network.deployment.study_process.COMMAND", (sys.executable, "-c", code)
    )
    superlink = SimpleNamespace(
        home=tmp_path,
        log=tmp_path / "superlink.log",
        address=parse_address("127.0.0.1:9"),
        authority=None,
        variables={},
    )
    with StudyProcess(superlink, ["a"]) as study:  # type: ignore[arg-type]
        study.begin(7)
        assert (tmp_path / "run").read_text() == "7"
        study.stop()
        assert not study.running
        study.start()
        assert study.running
        assert not (tmp_path / "run").exists()
    assert not study.running
