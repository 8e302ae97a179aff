"""What a site says of itself, and how patiently it starts again what has ended."""

import time
from itertools import pairwise
from pathlib import Path

import pytest

from unalike.errors import InputError
from unalike.network.deployment import server_status, site_process
from unalike.network.deployment.ports import Address
from unalike.network.deployment.site_process import Backoff, SiteDeployment, SiteProcess
from unalike.network.deployment.supernode import Credentials


def test_waits_double_up_to_a_limit_and_begin_anew_after_a_long_life() -> None:
    backoff = Backoff()
    assert [backoff.next() for _ in range(6)] == [2, 4, 8, 16, 30, 30]
    backoff.started -= 61
    assert backoff.next() == 2


def test_events_of_the_worker_in_words() -> None:
    request = {"verb": "train", "method": "fedrep", "seed": 0, "t": 3}
    assert site_process._sentences({"event": "asked", **request}) == []
    assert site_process._sentences({"event": "answered", "verb": "fit", "seconds": 0.5}) == []
    assert site_process._sentences({"event": "report", "path": "report.html"}) == []
    assert site_process._sentences({"event": "told", "text": "sums"}) == ["sums"]
    assert site_process._sentences({"event": "prepared", "texts": ["a", "b"]}) == ["a", "b"]
    assert site_process._sentences({"event": "answered", **request, "seconds": 0.5}) == [
        "fedrep, seed 0, round 3: train answered in 0.5 s."
    ]
    assert site_process._sentences({"event": "failed", **request, "why": "no."}) == [
        "fedrep, seed 0, round 3: train failed: no."
    ]
    assert site_process._event("{broken") is None
    assert site_process._event("[1]") is None


class Ended:
    """A SuperNode that has ended with these words."""

    def __init__(self, words: str) -> None:
        self.words, self.log = words, Path("supernode.log")

    def output(self) -> str:
        return self.words


REFUSED = "Exit Code: 305\nFailed to initialize\n[code: 2004] Failed to activate SuperNode."


def test_what_the_end_of_a_node_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, notices = [1000.0], []
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(site_process, "check_server", lambda *_, **__: {"finished": False})
    deployment = SiteDeployment(Address("h", 1), "a", tmp_path, [], Credentials())
    site = SiteProcess(deployment, notices.append)
    site._explain_end(Ended("SuperNode ID: 17"))  # type: ignore[arg-type]
    assert "connection to the server ended" in notices[-1]
    cut = "Connection attempt failed, retrying in 1 seconds\nSSL/TLS handshake error\n"
    first = now[0]
    while now[0] - first <= site_process.STALE_SECONDS:
        site._explain_end(Ended(cut + REFUSED))  # type: ignore[arg-type]
        assert "connection to the server ended" in notices[-1]
    first = now[0]
    site._explain_end(Ended(REFUSED))  # type: ignore[arg-type]
    assert "last session" in notices[-1]
    while now[0] - first <= site_process.STALE_SECONDS:
        site._explain_end(Ended(REFUSED))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="counts another process as 'a'"):
        site._explain_end(Ended(REFUSED))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="version of Flower"):
        site._explain_end(Ended("Exit Code: 606\n"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="refused to join"):
        site._explain_end(Ended("Exit Code: 302\n"))  # type: ignore[arg-type]


def test_the_end_of_the_study_is_heard_while_a_restart_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked, notices, known_before = [1000.0], [], [], []

    def check_server(*_: object, known: bool, **__: object) -> dict[str, bool]:
        asked.append(now[0])
        known_before.append(known)
        return {"finished": len(asked) == 3}

    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(site_process, "check_server", check_server)
    site = SiteProcess(SiteDeployment(Address("h", 1), "a", tmp_path, [], Credentials()), print)
    monkeypatch.setattr(site, "_notify", notices.append)
    site._ask_server()
    site._backoff["node"].wait = site_process.MAX_BACKOFF
    begun = now[0]
    site._explain_end(Ended("SuperNode ID: 17"))  # type: ignore[arg-type]
    assert site._finished
    assert known_before == [False, True, True]
    assert "trying again in 30 s" in notices[0]
    assert asked[-1] - begun < site_process.MAX_BACKOFF
    assert max(b - a for a, b in pairwise(asked)) < server_status.ABSENT_SECONDS
