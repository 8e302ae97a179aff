"""Answers are fetched side by side; one that does not come holds up no other."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from unalike.network.server import pending_answers
from unalike.network.server.pending_answers import PendingAnswers

LONGEST = 300.0
"""Seconds that anything may take on a busy machine."""


class Mailbox:
    """In the grid's place: has an answer, has none, fails, or does not come back."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers, self.let_go = answers, threading.Event()
        self.looks: list[str] = []
        self.at_once, self.most_at_once, self.lock = 0, 0, threading.Lock()

    def pull_messages(self, names: Iterable[str]) -> list[Any]:
        (name,) = names
        with self.lock:
            self.looks.append(name)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        what = self.answers.get(name)
        if what == "stalls":
            self.let_go.wait(LONGEST)
        with self.lock:
            self.at_once -= 1
        if what == "fails":
            raise OSError("no connection")
        return [] if what is None else [SimpleNamespace(text=what)]


def texts(received: dict[int, Any]) -> dict[int, str]:
    return {node: message.text for node, message in received.items()}


def pending_of(mailbox: Mailbox, names: Iterable[str]) -> PendingAnswers:
    return PendingAnswers(mailbox, {name: 10 + i for i, name in enumerate(names)})  # type: ignore


def test_each_comes_once_and_the_others_stay() -> None:
    mailbox = Mailbox({"a": "A", "c": "C"})
    pending = pending_of(mailbox, "abc")
    assert texts(pending.receive(LONGEST)) == {10: "A", 12: "C"}
    assert (len(pending), pending.nodes) == (1, {11})
    mailbox.answers["b"] = "B"
    pending.add({"d": 13})
    assert texts(pending.receive(LONGEST)) == {11: "B"}
    assert pending.nodes == {13}


def test_one_that_does_not_come_back_is_asked_once_and_holds_up_nobody() -> None:
    mailbox = Mailbox({"a": "stalls", "b": "B"})
    pending = pending_of(mailbox, "abc")
    received: dict[int, Any] = {}
    while not received:
        received = pending.receive(0.05)
    mailbox.answers["c"] = "C"
    while len(received) < 2:
        received |= pending.receive(0.05)
    assert texts(received) == {11: "B", 12: "C"}
    assert mailbox.looks.count("a") == 1
    mailbox.let_go.set()
    late: dict[int, Any] = {}
    while not late:
        late = pending.receive(0.05)
    assert texts(late) == {10: "stalls"}
    assert len(pending) == 0


def test_hundreds_that_stall_leave_room_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_answers, "MAX_FETCHES", 4)
    monkeypatch.setattr(pending_answers, "LONG_SECONDS", 0.01)
    names = [f"stalls {i}" for i in range(30)]
    mailbox = Mailbox(dict.fromkeys(names, "stalls") | {"last": "here"})
    pending = pending_of(mailbox, [*names, "last"])
    received: dict[int, Any] = {}
    while not received:
        received = pending.receive(0.05)
    assert texts(received) == {40: "here"}
    mailbox.let_go.set()


def test_few_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_answers, "MAX_FETCHES", 2)
    mailbox = Mailbox({})
    names = [f"m{i}" for i in range(20)]
    assert pending_of(mailbox, names).receive(LONGEST) == {}
    assert sorted(mailbox.looks) == sorted(names)
    assert mailbox.most_at_once <= 2


def test_an_error_is_not_swallowed() -> None:
    with pytest.raises(OSError, match="no connection"):
        pending_of(Mailbox({"a": "fails"}), "a").receive(LONGEST)
