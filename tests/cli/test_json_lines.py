"""With --log-format json everything on standard error is one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from command_line import unalike
from unalike.cli.console import say, set_log_format
from unalike.cli.json_lines import JsonLines
from unalike.network.deployment.ports import Address, free_port, listen
from unalike.network.deployment.site_process import SiteDeployment, SiteProcess
from unalike.network.deployment.supernode import Credentials

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("digits.toml").write_text('data = "digits"\nclients = 3\nrounds = 1\nseeds = 1\n')
    yield
    set_log_format("text")


def lines(capsys: Output) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_server_that_cannot_be_started(capsys: Output) -> None:
    held = Address("127.0.0.1", free_port())
    arguments = ["serve", "digits.toml", "--method", "fedavg", "--out", "s", "--listen", held]
    with listen(held):
        assert unalike(*arguments, "--log-format", "json") == 2
        (only,) = lines(capsys)
        assert unalike(*arguments, "--log-format", "json") == 2
        first, last = lines(capsys)
        assert unalike(*arguments) == 2
    assert only["event"] == last["event"] == "error"
    assert "is taken by another program" in only["text"]
    assert (first["event"], first["text"]) == ("said", "Going on with the study in s.")
    assert datetime.fromisoformat(first["time"]) <= datetime.fromisoformat(last["time"])
    assert "unalike: " in capsys.readouterr().err


def test_a_site_that_cannot_join(capsys: Output) -> None:
    words = ["join", "127.0.0.1:1", "--data", "no.npz", "--name", "a", "--log-format", "json"]
    assert unalike(*words) == 2
    (line,) = lines(capsys)
    assert (line["event"], line["text"]) == (
        "error",
        "--data no.npz: there is no such file or folder.",
    )


def test_another_format_is_refused(capsys: Output) -> None:
    assert unalike("join", "127.0.0.1:1", "--data", "a", "--name", "a", "--log-format", "xml") == 2
    assert "'text', 'json'" in capsys.readouterr().err


def test_events_keep_their_fields_and_steer_no_terminal(capsys: Output) -> None:
    event = {"event": "round", "t": 3, "dropped": ["\x1b[31mred"], "accuracy": {"a": 0.5}}
    with JsonLines() as log:
        log.tell(event)
        log.say("[/x]\n")
    set_log_format("json")
    say("\u202e")
    written = capsys.readouterr().err
    assert written.isascii()
    assert "\x1b" not in written
    first, second, third = (json.loads(line) for line in written.splitlines())
    assert event.items() <= first.items()
    assert second.items() >= {"event": "said", "text": "[/x]\n"}.items()
    assert third["text"] == "\u202e"


class Written:
    """A worker that has written these lines."""

    def __init__(self, log: Path, events: list[dict[str, Any]]) -> None:
        self.log = log
        log.write_text("".join(json.dumps(event) + "\n" for event in events) + "a warning\n")


def test_events_of_a_site_are_passed_on_as_they_are(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = [
        {"event": "asked", "verb": "train", "t": 1},
        {"event": "answered", "verb": "train", "t": 1, "seconds": 0.5},
    ]
    said: list[Any] = []
    deployment = SiteDeployment(Address("h", 1), "a", tmp_path, [], Credentials())
    site = SiteProcess(deployment, said.append, said.append)
    site._worker = Written(tmp_path / "worker.log", events)  # type: ignore[assignment]
    site._report_worker_events()
    assert said == events
