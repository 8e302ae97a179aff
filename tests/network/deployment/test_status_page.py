"""The keeper's page says what the events say, to people and to programs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from unalike.network.deployment.federation_state import FederationState
from unalike.network.deployment.ports import Address, free_port, listen
from unalike.network.deployment.status_page import StatusPage

EVIL = "<img src=x onerror=alert(1)>"
ROUND: dict[str, Any] = {
    "event": "round",
    "method": "fedrep",
    "seed": 0,
    "t": 3,
    "rounds": 20,
    "answers": 2,
    "dropped": ["west"],
    "rejected": [],
    "bytes_down": 1000,
    "bytes_up": 500,
    "measure": "accuracy",
    "accuracy": {"north": 0.75},
    "texts": {"north": "75.0 %"},
    "mean": "75.0 %",
}
EVENTS: list[dict[str, Any]] = [
    {"event": "serving", "listen": "localhost:1"},
    {"event": "waiting", "for": ["north", "west"], "here": 0, "least": 2},
    {"event": "joined", "site": "north"},
    {"event": "joined", "site": "west"},
    {"event": "remark", "text": EVIL},
    {"event": "refused", "site": "odd", "why": "its columns differ."},
    ROUND,
    ROUND | {"t": 4},
]


@contextmanager
def page(*events: dict[str, Any]) -> Iterator[tuple[FederationState, str]]:
    address = Address("127.0.0.1", free_port())
    state = FederationState("a study", lambda: {"north", "late"})
    for event in events:
        state.tell(event)
    with StatusPage(listen(address), state):
        yield state, f"http://{address}/"


def get(url: str) -> tuple[int, str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=300) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def test_programs_learn_what_the_events_said() -> None:
    with page(*EVENTS) as (_, url):
        known = json.loads(get(f"{url}status.json")[1])
    assert known["study"] == "a study"
    assert known["status"] == "training"
    assert (known["run"]["t"], known["rounds"]) == (4, 2)
    assert known["bytes"] == {"down": 2000, "up": 1000}
    sites = {site["name"]: site for site in known["sites"]}
    assert sites["north"] == {
        "name": "north",
        "here": True,
        "score": "75.0 %",
        "value": 0.75,
        "missed": 0,
    }
    assert (sites["west"]["here"], sites["west"]["missed"]) == (False, 2)
    assert sites["late"]["here"]
    assert known["remarks"] == [EVIL, "odd was refused: its columns differ."]


def test_health_changes_with_the_end() -> None:
    with page(*EVENTS) as (state, url):
        assert get(f"{url}health")[0] == 200
        state.tell({"event": "failed", "why": "too few sites."})
        status, text, _ = get(f"{url}health")
        assert (status, json.loads(text)) == (503, {"status": "failed"})
        assert "unalike_failed 1.0" in get(f"{url}metrics")[1]


def test_prometheus_reads_the_metrics() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    odd = {"event": "joined", "site": 'a"b\\c'}
    with page(*EVENTS, odd) as (_, url):
        _, text, headers = get(f"{url}metrics")
    assert headers["content-type"].startswith("text/plain")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found[("unalike_rounds_total",)] == 2
    assert found[("unalike_bytes_total", "up")] == 1000
    assert found[("unalike_site_here", "west")] == 0
    assert found[("unalike_site_missed_rounds_total", "west")] == 2
    assert found[("unalike_site_score", "north")] == 0.75
    assert ("unalike_site_score", "west") not in found
    assert found[("unalike_site_here", 'a"b\\c')] == 0


def test_the_page_needs_nothing_from_elsewhere_and_cannot_be_written_to() -> None:
    with page(*EVENTS) as (_, url):
        status, text, headers = get(url)
        assert status == 200
        assert "default-src 'self'" in headers["content-security-policy"]
        for part in ("status.css", "status.js"):
            assert part in text
            assert "http" not in get(url + part)[1]
        assert "innerHTML" not in get(f"{url}status.js")[1]
        request = urllib.request.Request(f"{url}status.json", data=b"{}", method="POST")
        try:
            urllib.request.urlopen(request, timeout=300)
            refused = 0
        except urllib.error.HTTPError as error:
            refused = error.code
        assert refused == 405
        assert get(f"{url}nothing")[0] == 404
