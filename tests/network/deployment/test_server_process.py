"""The server's process beside the one who looks on."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

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
