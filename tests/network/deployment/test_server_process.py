"""The server's process beside the one who looks on."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unalike.errors import InputError
from unalike.network.deployment import server_process
from unalike.network.deployment.ports import parse_address
from unalike.network.deployment.server_process import ServerDeployment, ServerProcess
from unalike.network.server.events import Event, remark


def test_a_view_that_fails_ends_no_study(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Event] = []

    def show(event: Event) -> None:
        seen.append(event)
        raise ValueError("no such style")

    server = ServerProcess(ServerDeployment(tmp_path, parse_address("127.0.0.1:9092"), {}), show)
    with caplog.at_level(logging.WARNING, logger="unalike"):
        for text in ("first", "second"):
            server._show(remark(text))
    assert [event["text"] for event in seen] == ["first"]
    assert "no such style" in caplog.text
    assert "events.jsonl" in caplog.text


class Flower:
    """In the place of the SuperLink and of the study's process, which ends `ends` times too soon.

    with_server: whether Flower's server ends with it. forgets: the process lives on, and Flower
    says that its run is over.
    """

    def __init__(self, events: Path, ends: int, with_server: bool, forgets: bool) -> None:
        self._events, self._ends = events, ends
        self._with_server, self._forgets = with_server, forgets
        self.process, self.log = SimpleNamespace(running=True), Path("study.log")
        self.done: list[str] = []
        self.running, self._over = True, False

    def submit(self, bundle: Path) -> int:
        self.done.append("submit")
        return self.done.count("submit")

    def begin(self, run: int) -> None:
        self.done.append(f"begin {run}")
        if run > self._ends:
            with self._events.open("a") as file:
                file.write('{"event": "finished"}\n')
        elif self._forgets:
            self._over = True
        else:
            self.running, self.process.running = False, not self._with_server

    def status(self, run: int) -> str:
        return "finished:failed" if self._over else "running"

    def stop_run(self, run: int) -> None:
        self.done.append(f"stop run {run}")

    def restart(self) -> None:
        self.done.append("restart server")
        self.process.running = True

    def stop(self) -> None:
        self.done.append("stop")

    def start(self) -> None:
        self.done.append("start")
        self.running, self._over = True, False


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_process, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(server_process, "SILENCE_SECONDS", 0.02)
    monkeypatch.setattr(server_process, "write_bundle", lambda folder, *_, **__: folder)


def served(
    folder: Path, ends: int, *, with_server: bool = False, forgets: bool = False
) -> tuple[list[str], list[str]]:
    """What was done and what was said in a study that finished."""
    seen: list[Event] = []
    deployment = ServerDeployment(folder, parse_address("127.0.0.1:9092"), {})
    server = ServerProcess(deployment, seen.append)
    events = folder / "network" / "events.jsonl"
    events.parent.mkdir()
    events.write_bytes(b"")
    flower: Any = Flower(events, ends, with_server, forgets)
    last = server._run_study(flower, flower, folder)
    said = [event["text"] for event in seen if event["event"] == "remark"]
    assert last == {"event": "finished"}
    return flower.done, said


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("forgets", [False, True])
def test_a_study_that_ended_too_soon_goes_on_in_a_process_of_its_own(
    tmp_path: Path, forgets: bool
) -> None:
    """Flower is told that nobody works on the old run, before the new one begins."""
    done, said = served(tmp_path, 1, forgets=forgets)
    again = ["stop", "stop run 1", "start", "submit", "begin 2"]
    assert done == ["submit", "begin 1", *again]
    assert said == ["The study's process ended; it goes on from its last checkpoint."]


@pytest.mark.usefixtures("at_once")
def test_flowers_server_is_started_again_with_the_study(tmp_path: Path) -> None:
    done, said = served(tmp_path, 1, with_server=True)
    again = ["stop", "restart server", "stop run 1", "start", "submit", "begin 2"]
    assert done == ["submit", "begin 1", *again]
    assert said == ["Flower's server process ended; it is started again."]


@pytest.mark.usefixtures("at_once")
def test_a_study_that_never_does_a_round_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"reason is in study\.log"):
        served(tmp_path, server_process.ATTEMPTS)


@pytest.mark.parametrize("diagnose", [False, True])
def test_what_the_study_s_process_loads_beforehand(tmp_path: Path, diagnose: bool) -> None:
    deployment = ServerDeployment(tmp_path, parse_address("127.0.0.1:9092"), {"diagnose": diagnose})
    work = "diagnosis" if diagnose else "study"
    assert ServerProcess(deployment)._study_modules() == [
        "unalike.network.server.server_app",
        f"unalike.network.server.{work}",
    ]
