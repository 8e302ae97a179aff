"""The node in one process: which Flower it works with, and what it does with a message."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest
from flwr.app import Message
from flwr.proto.message_pb2 import ObjectTree
from flwr.supercore.constant import PULL_INITIAL_BACKOFF
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
)
from flwr.supercore.inflatable.inflatable_utils import (
    ObjectUnavailableError,
    inflate_object_from_contents,
)
from flwr.supercore.run import RunNotRunningException
from flwr.supercore.task_identity import TaskIdentity

from unalike.cli.main import main
from unalike.errors import InputError
from unalike.network.deployment import in_process_node, in_process_supernode
from unalike.network.deployment.in_process_node import Connection, InProcessNode
from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.frames import Frames
from unalike.network.site.worker_socket import answer_one, listen

NODE = 7


class FakeConnection:
    """The server's end, in memory. trouble: what happens when a part is fetched."""

    def __init__(self, trouble: Exception | None = None) -> None:
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
        question = Message(wrap(Frames("question", b"some numbers")), NODE, "train", ttl=60.0)
        self.tree = get_object_tree(question)
        self.parts = {key: o.deflate() for key, o in get_all_nested_objects(question).items()}
        self.waiting, self.trouble = [(question, self.tree)], trouble
        self.confirmed: list[str] = []
        self.pushed: dict[str, bytes] = {}
        self.answer_id = ""

    def pull(self, run: int, part: str) -> bytes:
        if self.trouble is not None:
            raise self.trouble
        return self.parts[part]

    def send(self, head: Message, tree: ObjectTree, seconds: float) -> tuple[set[str], str]:
        self.answer_id = tree.object_id
        self.wanted = {one.object_id for one in iterate_object_tree(tree)}
        return self.wanted, "session"

    def connection(self) -> Connection:
        return Connection(
            NODE,
            receive=lambda: self.waiting.pop() if self.waiting else None,
            send=self.send,
            get_run=lambda run: None,
            get_bundle=lambda name, run: None,
            pull=self.pull,
            push=lambda run, session, part, content: self.pushed.update({part: content}),
            confirm=lambda run, message: self.confirmed.append(message),
        )

    def answer(self) -> Message:
        """What has come back, read as the server reads it."""
        assert self.pushed.keys() == self.wanted
        found = inflate_object_from_contents(self.answer_id, dict(self.pushed))
        assert isinstance(found, Message)
        assert found.metadata.reply_to_message_id == self.tree.object_id
        assert (found.metadata.src_node_id, found.metadata.dst_node_id) == (NODE, 1)
        return found


def test_a_message_goes_to_the_worker_and_its_answer_back(tmp_path: Path) -> None:
    server, socket = FakeConnection(), tmp_path / "worker.sock"
    node = InProcessNode(server.connection(), str(socket))
    with listen(socket) as listener:
        worker = threading.Thread(
            target=answer_one, args=(listener, lambda frames: Frames("answer", frames.body * 2))
        )
        worker.start()
        assert node.answer_next()
        worker.join()
    answer = unwrap(server.answer())
    assert (answer.head, bytes(answer.body)) == ("answer", b"some numbers" * 2)
    assert server.confirmed == [server.tree.object_id]
    assert not node.answer_next()


def test_a_failure_is_answered_as_flowers_own_node_does(tmp_path: Path) -> None:
    server = FakeConnection()
    assert InProcessNode(server.connection(), str(tmp_path / "nobody.sock")).answer_next()
    error = server.answer().error
    assert (error.code, error.reason) == (
        2,
        "<class 'RuntimeError'>:<'the site's worker does not answer (FileNotFoundError)'>",
    )


def test_a_part_that_is_not_there_yet_is_soon_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A message is announced before it has arrived, and a round waits for it."""
    server = FakeConnection(ObjectUnavailableError("part"))
    waits, plain = list[float](), threading.Event.wait

    def wait(event: threading.Event, seconds: float | None = None) -> bool:
        if seconds is None:  # for a thread to start
            return plain(event)
        waits.append(seconds)
        server.trouble = None if len(waits) == 6 else server.trouble
        return False

    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", wait)
        assert InProcessNode(server.connection(), "").answer_next()
    assert min(waits) < PULL_INITIAL_BACKOFF / 2
    assert server.confirmed == [server.tree.object_id]


@pytest.mark.parametrize("trouble", [RunNotRunningException(), RuntimeError("lost")])
def test_what_cannot_be_fetched_is_let_go(trouble: Exception) -> None:
    server = FakeConnection(trouble)
    node = InProcessNode(server.connection(), "")
    assert node.answer_next()
    assert not server.pushed
    assert not node.answer_next()


def test_it_looks_the_less_often_the_longer_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds
        if now[0] > 120:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    server = FakeConnection()
    server.waiting.clear()
    with pytest.raises(KeyboardInterrupt):
        InProcessNode(server.connection(), "").run()
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (in_process_node.MIN_WAIT, in_process_node.MAX_WAIT)


def test_the_server_is_not_asked_before_there_is_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket, waits = tmp_path / "worker.sock", []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            socket.touch()

    def ask(*_: object) -> None:
        raise KeyboardInterrupt(len(waits))

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(in_process_node, "http_request_response", ask)
    monkeypatch.setattr(in_process_node, "register_signal_handlers", lambda *_: None)
    with pytest.raises(KeyboardInterrupt, match="3"):
        in_process_node.main(["--server", "localhost:1", "--worker", str(socket)])


JOIN = "join localhost:1 --patience 0 --name a --data mine.npz --one-process"


@pytest.mark.parametrize("command", [JOIN, "rehearse study.toml --one-process"])
def test_another_flower_is_refused_in_one_sentence(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.npz").touch()
    monkeypatch.setattr(in_process_supernode, "version", lambda _: "1.43.0")
    monkeypatch.setattr(sys, "argv", ["unalike", *command.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert " ".join(capsys.readouterr().err.split()) == (
        "unalike: --one-process was tested with flwr 1.41.0 and 1.42.0, but 1.43.0 is installed "
        "here: leave the option out."
    )
    assert not (tmp_path / "runs").exists()


def test_the_flower_of_the_tests_is_a_tested_one(monkeypatch: pytest.MonkeyPatch) -> None:
    in_process_supernode.check_flower_version()
    monkeypatch.setattr(in_process_supernode, "version", lambda _: "1.42.0rc1")
    with pytest.raises(InputError):
        in_process_supernode.check_flower_version()
