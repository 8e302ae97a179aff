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
from flwr.app import ConfigRecord, Message, RecordDict

from network_grid import InProcessGrid, node
from unalike import __version__
from unalike.data.site_samples import read_site_samples
from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import FAILED, Parcel, pack
from unalike.network.server.sites import Terms
from unalike.network.server.study import conduct, prepare
from unalike.network.site.client_app import app
from unalike.network.site.session import Identity, Membership
from unalike.network.site.socket import answer_one, ask, listen
from unalike.network.site.worker import OVER_THE_LIMIT, REFUSED, Worker, main
from unalike.study.settings import make_study

WORKER = [sys.executable, "-m", "unalike.network.site.worker"]


def samples(path: Path, features: int = 4) -> Path:
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    x = 0.3 * rng.normal(size=(30, features)) + 2 * np.eye(3, features)[y]
    np.savez(path, x=x.astype(np.float32), y=y)
    return path


class Process:
    """A worker with samples of its own."""

    def __init__(self, folder: Path, name: str, **options: Any) -> None:
        self.socket, self.log = folder / f"{name}.sock", folder / f"{name}.log"
        data = samples(folder / f"{name}.npz")
        command = [*WORKER, "--socket", self.socket, "--state", folder / name, "--name", name]
        command += ["--data", data, *(part for pair in options.items() for part in pair)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdout=log)
        self.at = node(app, worker=str(self.socket))

    def wait(self) -> Process:
        for _ in range(600):
            if self.socket.exists():
                return self
            time.sleep(0.05)
        raise TimeoutError

    def ask(self, parcel: Parcel) -> Parcel:
        message = Message(wrap(Frames(parcel.head(), parcel.body)), 1, "query")
        message.metadata.__dict__["_message_id"] = "m"
        return Parcel.of(*unwrap(self.at(message)))

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[Process]]:
    workers = [Process(tmp_path, name) for name in ("north", "south")]
    yield [worker.wait() for worker in workers]
    for worker in workers:
        worker.process.kill()
        worker.process.wait()


def test_workers_serve_a_study_and_survive_being_killed(tmp_path: Path, two: list[Process]) -> None:
    assert stat.S_IMODE(os.stat(two[0].socket).st_mode) & 0o077 == 0
    study = make_study(
        {"data": "own", "model": "logistic", "methods": "scaffold", "rounds": 3, "seeds": 1}
    )
    folder, events = tmp_path / "study", []
    prepare(study, folder, sites=2)
    terms = Terms(baselines=False, poll=0.01, grace=5.0, deadline=30.0)

    def tell(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "round" and event["t"] == 1:
            two[1].process.kill()
            two[1].process.wait()
            two[1].socket.unlink()
            two[1].__init__(tmp_path, "south")  # type: ignore[misc]
            two[1].wait()

    conduct(InProcessGrid({i: worker.at for i, worker in enumerate(two)}), folder, terms, tell)
    done = [event for event in events if event["event"] == "round"]
    assert [event["answers"] for event in done] == [2, 2, 2]
    assert done[-1]["accuracy"].keys() == {"north", "south"}
    assert not [event for event in events if event["event"] == "remark"]
    verbs = [event.get("verb") for event in two[0].events() if event["event"] == "answered"]
    assert verbs == ["describe", *["train", "evaluate"] * 3]
    two[0].process.send_signal(signal.SIGTERM)
    assert two[0].process.wait(10) == 0
    refusal = two[1].ask(pack("refuse", {"why": "There already is a site 'south'."}))
    assert refusal.verb == "refuse"
    assert two[1].process.wait(10) == REFUSED


def test_no_worker_is_an_error_that_says_so(tmp_path: Path) -> None:
    at = node(app, worker=str(tmp_path / "nobody.sock"))
    grid = InProcessGrid({1: at})
    (name,) = grid.push_messages([Message(wrap(Frames("{}", b"")), 1, "train")])
    (reply,) = grid.pull_messages([name])
    assert "the site's worker does not answer (FileNotFoundError)" in reply.error.reason


def test_where_the_environment_says_that_the_worker_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "worker.sock"
    monkeypatch.setenv("UNALIKE_WORKER", str(socket))
    with listen(socket) as listener:
        answers = threading.Thread(target=answer_one, args=(listener, lambda asked: asked))
        answers.start()
        grid = InProcessGrid({1: node(app)})
        question = Message(wrap(Frames("{}", b"")), 1, "train")
        (reply,) = grid.pull_messages(grid.push_messages([question]))
        answers.join(10)
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
    member = Membership(Identity("north", tmp_path, read_site_samples(samples(tmp_path / "x.npz"))))
    worker, socket = Worker(member, limit=60), tmp_path / "worker.sock"
    with listen(socket) as listener:
        answers = threading.Thread(
            target=lambda: [answer_one(listener, worker.answer) for _ in range(4)]
        )
        answers.start()
        with connect(str(socket), family="AF_UNIX"):
            pass  # a questioner that goes away at once
        foreign = Message(RecordDict({"config": ConfigRecord({"lr": 0.1})}), 1, "train")
        grid = InProcessGrid({1: node(app, worker=str(socket))})
        (reply,) = grid.pull_messages(grid.push_messages([foreign]))
        assert "not made by unalike" in reply.error.reason
        of_another = Parcel.of(*ask(str(socket), frames(pack("train", {"run": {"version": "0"}}))))
        assert of_another.verb == FAILED
        said = f"the server runs unalike 0 and this site {__version__}: install the same"
        assert of_another.facts["why"] == said
        assert Parcel.of(*ask(str(socket), Frames("garbage", b""))).verb == FAILED
        broken = Parcel.of(*ask(str(socket), frames(pack("describe", {"version": __version__}))))
        assert broken.facts["why"] == "KeyError: 'study'"
        answers.join(10)
        assert not answers.is_alive()
    assert member.refused is None
    assert "Traceback" in capsys.readouterr().err


def frames(parcel: Parcel) -> Frames:
    return Frames(parcel.head(), parcel.body)


def test_a_step_over_the_limit_ends_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = threading.Event()
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", lambda code: (codes.append(code), ended.set()))
    member = Membership(Identity("slow", tmp_path))
    monkeypatch.setattr(Membership, "handle", lambda *_: ended.wait(30) and pack("describe"))
    Worker(member, limit=0.05).answer(frames(pack("describe")))
    assert codes == [OVER_THE_LIMIT]
    assert "took longer than 0.05 seconds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "There is no file or folder"),
        ({"x": np.zeros((2, 3))}, "has no column 'y'"),
        ({"x": np.full((2, 3), np.nan), "y": np.arange(2)}, "NaN"),
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
    found: list[Identity] = []

    class Ends(Membership):
        def __init__(self, identity: Identity) -> None:
            super().__init__(identity)
            found.append(identity)
            self.refused = "enough"

    monkeypatch.setattr("unalike.network.site.worker.Membership", Ends)
    (tmp_path / "mine.csv").write_text("a,grade,who\n1,ill,north\n2,well,south\n3,ill,south\n")
    given = ["--socket", str(tmp_path / "s"), "--state", str(tmp_path), "--name", "south"]
    given += ["--data", str(tmp_path / "mine.csv"), "--label-column", "grade"]
    before = signal.getsignal(signal.SIGTERM)
    assert main([*given, "--client-column", "who", "--hide-accuracy"]) == REFUSED
    signal.signal(signal.SIGTERM, before)
    (one,) = found
    assert one.samples is not None
    assert one.samples.x.tolist() == [[2], [3]]
    assert one.samples.y.tolist() == ["well", "ill"]
    assert (one.tells_classes, one.tells_accuracy) == (True, False)


def test_the_client_app_is_thin() -> None:
    code = "import sys, unalike.network.site.client_app; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
