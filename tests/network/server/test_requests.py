"""An answer that came in time is used, and what takes long is looked for less often."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from flwr.app import Message as FlowerMessage

from network_grid import InProcessGrid, node
from unalike.network.protocol.messages import Message, pack
from unalike.network.server import requests
from unalike.network.server.requests import FETCH_SECONDS, MAX_PAUSE, Requests

NODE = 7


class SlowGrid(InProcessGrid):
    """Each look takes longer than the deadline, and the first comes before the answer."""

    looks = 0

    def pull_messages(self, message_ids: Iterable[str]) -> list[FlowerMessage]:
        self.looks += 1
        time.sleep(0.3)
        return super().pull_messages(message_ids) if self.looks > 1 else []


def test_an_answer_that_came_in_time_is_fetched_after_the_deadline() -> None:
    grid = SlowGrid({NODE: node(lambda message: pack("train", {"t": 1}))})
    answers = Requests(grid, poll=0.01).send_and_receive({NODE: pack("train")}, seconds=0.05)
    assert isinstance(answers[NODE], Message)
    ((_, sent, _),) = grid.log
    assert sent.metadata.ttl == pytest.approx(0.05 + FETCH_SECONDS)


def test_what_takes_long_is_looked_for_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looks = [0.0], []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    class Silent(Requests):
        def receive(self, pending: Any, *, seconds: float = 0.0) -> dict[int, Any]:
            looks.append(now[0])
            return {}

    monkeypatch.setattr(requests, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    grid = InProcessGrid({NODE: lambda message: None})
    assert Silent(grid, poll=0.5).send_and_receive({NODE: pack("train")}, seconds=100.0) == {}
    pauses = [b - a for a, b in pairwise(looks)]
    assert pauses[0] == 0.5
    assert max(pauses) == MAX_PAUSE
    assert all(pause <= max(0.5, 0.11 * at) for pause, at in zip(pauses, looks, strict=False))
    assert looks[-1] == 100.0
