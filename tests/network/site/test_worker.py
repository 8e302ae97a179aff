"""The long-lived worker behind Flower's client app: a real process, a real socket."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Client as connect  # noqa: N813
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import ConfigRecord, RecordDict
from flwr.app import Message as FlowerMessage

from network_grid import InProcessGrid, app_node
from unalike import __version__
from unalike.data.preprocessing.table import Column, Table
from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import FAILED, Message, pack
from unalike.network.server.server_settings import ServerSettings
from unalike.network.server.study import prepare, run_study
from unalike.network.site.client_app import app
from unalike.network.site.exit_status import OVER_TIME_LIMIT, REFUSED
from unalike.network.site.own_samples import read_own_samples
from unalike.network.site.session import Session, Tell
from unalike.network.site.site_settings import SiteSettings
from unalike.network.site.worker import Worker, main
from unalike.network.site.worker_socket import answer_one, ask, listen
from unalike.study.settings import make_study

LONGEST = 900.0
"""Seconds that anything may take on a busy machine."""
WORKER = [sys.executable, "-m", "unalike.network.site.worker"]


def samples(path: Path, features: int = 4) -> Path:
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    x = 0.3 * rng.normal(size=(30, features)) + 2 * np.eye(3, features)[y]
    np.savez(path, x=x.astype(np.float32), y=y)
    return path


class Process:
    """A worker with samples of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.socket, self.log = folder / f"{name}.sock", folder / f"{name}.log"
        self.node = app_node(app, worker=str(self.socket))
        self.start()

    def start(self) -> None:
        """Start it, and come back when it listens."""
        data = samples(self.folder / f"{self.name}.npz")
        command = [*WORKER, "--socket", self.socket, "--state", self.folder / self.name]
        command += ["--name", self.name, "--data", data]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdout=log)
        end = time.monotonic() + LONGEST
        while not self.socket.exists():
            assert self.process.poll() is None, self.log.read_text("utf-8")
            assert time.monotonic() < end
            time.sleep(0.05)

    def kill(self) -> None:
        """End it with SIGKILL, which leaves its socket behind."""
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    def ask(self, request: Message) -> Message:
        message = FlowerMessage(wrap(request.frames()), 1, "query")
        message.metadata.__dict__["_message_id"] = "m"
        reply = self.node(message)
        return Message.of(unwrap(reply))

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[Process]]:
    workers = [Process(tmp_path, name) for name in ("north", "south")]
    yield workers
    for worker in workers:
        worker.kill()


@pytest.mark.slow
def test_workers_serve_a_study_and_survive_being_killed(tmp_path: Path, two: list[Process]) -> None:
    assert stat.S_IMODE(os.stat(two[0].socket).st_mode) & 0o077 == 0
    study = make_study(
        {"data": "own", "model": "logistic", "methods": "scaffold", "rounds": 3, "seeds": 1}
    )
    folder, events = tmp_path / "study", []
    prepare(study, folder, sites=2)
    settings = ServerSettings(baselines=False, poll=0.01, grace=LONGEST, deadline=LONGEST)

    def on_event(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "round" and event["t"] == 1:
            two[1].kill()
            two[1].start()

    grid = InProcessGrid({i: worker.node for i, worker in enumerate(two)})
    run_study(grid, folder, settings, on_event)
    done = [event for event in events if event["event"] == "round"]
    assert [event["answers"] for event in done] == [2, 2, 2]
    assert done[-1]["accuracy"].keys() == {"north", "south"}
    assert not [event for event in events if event["event"] == "remark"]
    verbs = [event.get("verb") for event in two[0].events() if event["event"] == "answered"]
    assert verbs == ["describe", "fit", "fit", *["train", "evaluate"] * 3, "keep"]
    assert [event["event"] for event in two[0].events()].count("told") == 2
    said = [event["text"] for event in two[0].events() if event["event"] == "said"]
    assert len(said) == 1
    assert "scaffold, seed 0: the model of round" in said[0]
    two[0].process.send_signal(signal.SIGTERM)
    assert two[0].process.wait(LONGEST) == 0
    refusal = two[1].ask(pack("refuse", {"why": "There already is a site 'south'."}))
    assert refusal.verb == "refuse"
    assert two[1].process.wait(LONGEST) == REFUSED


def test_no_worker_is_an_error_that_says_so(tmp_path: Path) -> None:
    nobody = app_node(app, worker=str(tmp_path / "nobody.sock"))
    grid = InProcessGrid({1: nobody})
    (name,) = grid.push_messages([FlowerMessage(wrap(Frames("{}", b"")), 1, "train")])
    (reply,) = grid.pull_messages([name])
    assert "the site's worker does not answer (FileNotFoundError)" in reply.error.reason


def test_where_the_environment_says_that_the_worker_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "worker.sock"
    monkeypatch.setenv("UNALIKE_WORKER", str(socket))
    with listen(socket) as listener:
        answers = threading.Thread(target=answer_one, args=(listener, lambda frames: frames))
        answers.start()
        grid = InProcessGrid({1: app_node(app)})
        request = FlowerMessage(wrap(Frames("{}", b"")), 1, "train")
        (reply,) = grid.pull_messages(grid.push_messages([request]))
        answers.join(LONGEST)
    assert unwrap(reply).head == "{}"


@pytest.mark.parametrize("path", ["no-such-folder/worker.sock", "s" * 120])
def test_where_no_socket_can_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    given = ["--socket", str(tmp_path / path), "--state", str(tmp_path), "--name", "a"]
    before = signal.getsignal(signal.SIGTERM)
    assert main([*given, "--data", str(samples(tmp_path / "mine.npz"))]) == REFUSED
    signal.signal(signal.SIGTERM, before)
    assert "no socket can be made there" in capsys.readouterr().err


def test_messages_that_are_not_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(
        SiteSettings("north", tmp_path, read_own_samples(samples(tmp_path / "x.npz")))
    )
    worker, socket = Worker(session, limit=60), tmp_path / "worker.sock"
    with listen(socket) as listener:
        answers = threading.Thread(
            target=lambda: [answer_one(listener, worker.answer) for _ in range(4)]
        )
        answers.start()
        with connect(str(socket), family="AF_UNIX"):
            pass  # a sender that goes away at once
        foreign = FlowerMessage(RecordDict({"config": ConfigRecord({"lr": 0.1})}), 1, "train")
        grid = InProcessGrid({1: app_node(app, worker=str(socket))})
        (reply,) = grid.pull_messages(grid.push_messages([foreign]))
        assert "not made by unalike" in reply.error.reason
        of_another = Message.of(ask(str(socket), pack("train", {"run": {"version": "0"}}).frames()))
        assert of_another.verb == FAILED
        said = f"the server runs unalike 0 and this site {__version__}: install the same"
        assert of_another.facts["why"] == said
        assert Message.of(ask(str(socket), Frames("garbage", b""))).verb == FAILED
        broken = Message.of(ask(str(socket), pack("describe", {"version": __version__}).frames()))
        assert broken.facts["why"] == "KeyError: 'study'"
        answers.join(LONGEST)
        assert not answers.is_alive()
    assert session.refused is None
    assert "Traceback" in capsys.readouterr().err


def test_a_step_over_the_limit_ends_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = threading.Event()
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", lambda code: (codes.append(code), ended.set()))
    session = Session(SiteSettings("slow", tmp_path))
    monkeypatch.setattr(Session, "handle", lambda *_: ended.wait(LONGEST) and pack("describe"))
    Worker(session, limit=0.05).answer(pack("describe").frames())
    assert codes == [OVER_TIME_LIMIT]
    assert "took longer than 0.05 seconds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "There is no file or folder"),
        ({"x": np.zeros((2, 3))}, "Say which column, or which values, are the labels"),
        ({"x": np.zeros((2, 3)), "y": np.arange(3)}, "same length"),
    ],
)
def test_samples_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: dict[str, Any], why: str
) -> None:
    path = tmp_path / "mine.npz"
    if files:
        np.savez(path, **files)
    given = ["--socket", "s", "--state", "state", "--name", "a", "--data", str(path)]
    before = signal.getsignal(signal.SIGTERM)
    assert main(given) == REFUSED
    signal.signal(signal.SIGTERM, before)
    assert why in capsys.readouterr().err


def test_what_the_options_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[SiteSettings] = []

    class EndedSession(Session):
        def __init__(self, settings: SiteSettings, tell: Tell) -> None:
            super().__init__(settings, tell)
            found.append(settings)
            self.refused = "enough"

    monkeypatch.setattr("unalike.network.site.worker.Session", EndedSession)
    (tmp_path / "mine.csv").write_text(
        "a,b,grade,who\n1,,ill,north\n2,x,well,south\n3,x,ill,south\n"
    )
    given = ["--socket", str(tmp_path / "s"), "--state", str(tmp_path), "--name", "south"]
    given += ["--data", str(tmp_path / "mine.csv"), "--label-column", "grade"]
    more = ["--client-column", "who", "--hide-accuracy", "--hide-columns", "--drop", "b"]
    more += ["--column", "a=number", "--task", "binary"]
    before = signal.getsignal(signal.SIGTERM)
    assert main([*given, *more]) == REFUSED
    signal.signal(signal.SIGTERM, before)
    (one,) = found
    assert isinstance(one.samples.x, Table)
    assert isinstance(one.samples.labels, Column)
    assert one.samples.x.names == ("a",)
    assert one.samples.x.column("a").values.tolist() == ["2", "3"]
    assert one.samples.labels.values.tolist() == ["well", "ill"]
    assert one.samples.settings.kinds == {"a": "number"}
    assert (one.reveal_classes, one.reveal_columns, one.reveal_scores) == (True, False, False)
    assert one.task == "binary"


def test_the_client_app_is_thin() -> None:
    code = "import sys, unalike.network.site.client_app; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
