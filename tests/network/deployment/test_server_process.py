"""The server's process beside the one who looks on."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

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


class StuckFlower:
    """In the SuperLink's place: takes a study and starts it only after it was started anew."""

    def __init__(self, events: Path, starts: int) -> None:
        self._events, self._starts = events, starts
        self.process, self.log = SimpleNamespace(running=True), Path("superlink.log")
        self.submitted, self.restarts = 0, 0

    def submit(self, bundle: Path) -> int:
        self.submitted += 1
        return 7

    def status(self, run: int) -> str:
        assert run == 7
        return "running" if self.restarts >= self._starts else "pending"

    def restart(self) -> None:
        self.restarts += 1
        if self.restarts == self._starts:
            with self._events.open("a") as file:
                file.write('{"event": "finished"}\n')


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_process, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(server_process, "SILENCE_SECONDS", 0.02)
    monkeypatch.setattr(server_process, "write_bundle", lambda folder, *_, **__: folder)


def served(folder: Path, starts: int) -> tuple[StuckFlower, list[Event], ServerProcess]:
    seen: list[Event] = []
    deployment = ServerDeployment(folder, parse_address("127.0.0.1:9092"), {})
    server = ServerProcess(deployment, seen.append)
    events = folder / "network" / "events.jsonl"
    events.parent.mkdir()
    events.write_bytes(b"")
    return StuckFlower(events, starts), seen, server


@pytest.mark.usefixtures("at_once")
def test_a_study_that_flower_has_taken_and_does_not_start(tmp_path: Path) -> None:
    """Its helper that starts studies has ended: the server is started anew, the study not again."""
    flower, seen, server = served(tmp_path, starts=1)
    assert server._run_study(flower, tmp_path) == {"event": "finished"}  # type: ignore[arg-type]
    assert (flower.submitted, flower.restarts) == (1, 1)
    said = [event["text"] for event in seen if event["event"] == "remark"]
    assert said == ["Flower does not start the study; its server starts anew."]


@pytest.mark.usefixtures("at_once")
def test_a_study_that_flower_never_starts_is_given_up(tmp_path: Path) -> None:
    flower, _, server = served(tmp_path, starts=100)
    with pytest.raises(InputError, match=r"reason is in superlink\.log"):
        server._run_study(flower, tmp_path)  # type: ignore[arg-type]
    assert flower.submitted == 1
    assert flower.restarts == server_process.ATTEMPTS
