"""A site agrees to what its policy says, whatever the server says or does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from flwr.app import Message as FlowerMessage

from network_grid import InProcessGrid, node
from pages import ROOT, blocks_of
from unalike import InputError
from unalike.cli.network.consent import ask_consent
from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.study_summary import StudySummary
from unalike.network.server.server_settings import ServerSettings
from unalike.network.server.study import prepare, run_study
from unalike.network.site.own_samples import read_own_samples
from unalike.network.site.policy import Policy, read_policy
from unalike.network.site.session import Session
from unalike.network.site.site_settings import SiteSettings
from unalike.network.site.worker import Worker
from unalike.study.settings import make_study

QUICK = ServerSettings(least=1, deadline=30.0, patience=1.0, grace=0.2, poll=0.01, baselines=False)
STUDY: dict[str, Any] = {
    "data": "own",
    "model": "logistic",
    "methods": ("fedrep",),
    "rounds": 3,
    "seeds": 2,
}


def summary(**more: Any) -> StudySummary:
    return StudySummary.of(make_study(STUDY | more), baselines=False)


def policy(folder: Path, text: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text)
    return read_policy(path)


NOISY = {"privacy": "local:clip=1,noise=20"}
CENTRAL = {"privacy": "central:clip=1,noise=1", "weights": "uniform"}


@pytest.mark.parametrize(
    ("text", "more", "why"),
    [
        ("", {}, None),
        ('methods = ["fedrep"]', {}, None),
        ('methods = ["fedavg"]', {}, "allows fedavg and not fedrep"),
        ("max_rounds = 3", {}, None),
        ("max_rounds = 2", {}, "allows 2 rounds and not 3"),
        ('privacy = "central"', {}, "asks for central privacy, and the study has none"),
        ('privacy = "local"', CENTRAL, "and the study has central"),
        ('privacy = "central"', NOISY, None),
        ("max_epsilon = 1", {}, "without local privacy there is no bound"),
        ("max_epsilon = 100", NOISY, None),
        ("max_epsilon = 0.01", NOISY, "6 answers would spend"),
    ],
)
def test_a_study_is_looked_at_before_the_site_joins(
    text: str, more: dict[str, Any], why: str | None, tmp_path: Path
) -> None:
    agreed, study = policy(tmp_path, text), summary(**more)
    if why is None:
        agreed.check_study(study)
        return
    with pytest.raises(InputError, match=why):
        agreed.check_study(study)


def test_own_labels_are_known_by_their_method(tmp_path: Path) -> None:
    study = summary(methods=("slow",), settings={"slow": {"method": "fedavg", "lr": 0.01}})
    policy(tmp_path, 'methods = ["fedavg"]').check_study(study)
    with pytest.raises(InputError, match="not fedavg"):
        policy(tmp_path, 'methods = ["fedrep"]').check_study(study)


def test_who_may_call_and_when(tmp_path: Path) -> None:
    agreed = policy(tmp_path, 'servers = ["fl.example.org:9092"]\nhours = "20-6"')
    agreed.check_server("fl.example.org:9092")
    with pytest.raises(InputError, match=r"and not other\.example\.org:1"):
        agreed.check_server("other.example.org:1")
    open_at = [hour for hour in range(24) if not agreed.closed(datetime(2026, 1, 1, hour))]
    assert open_at == [0, 1, 2, 3, 4, 5, 20, 21, 22, 23]
    by_day = policy(tmp_path, 'hours = "9-17"')
    assert [h for h in range(24) if not by_day.closed(datetime(2026, 1, 1, h))] == [*range(9, 17)]


def test_what_may_be_told_has_a_name_for_every_task(tmp_path: Path) -> None:
    assert policy(tmp_path, 'tell = ["scores"]').tell == ("scores",)
    assert policy(tmp_path, 'tell = ["columns", "accuracy"]').tell == ("columns", "scores")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("methods = 3", "methods = 3"),
        ("method = []", "did you mean 'methods'"),
        ('hours = "25-3"', 'write two hours, as in "20-6"'),
        ("max_rounds = 0", "max_rounds = 0"),
        ('tell = ["secrets"]', "tell.0 = 'secrets'"),
        ("not toml", "is no TOML"),
    ],
)
def test_a_policy_that_makes_no_sense_is_one_sentence(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=why):
        policy(tmp_path, text)
    with pytest.raises(InputError, match="No such file"):
        read_policy(tmp_path / "none.toml")


def federation(folder: Path, agreed: Policy, **more: Any) -> tuple[Session, list[str]]:
    """A study among two sites, of which one has this policy; what the server said aloud."""
    y, remarks, grid = np.arange(30) % 3, [], InProcessGrid()
    np.savez(folder / "a.npz", x=np.eye(3)[y].astype(np.float32), y=y)
    samples = read_own_samples(folder / "a.npz")
    cautious = Session(SiteSettings("cautious", folder / "cautious", samples, policy=agreed))
    worker = Worker(cautious, 600.0)
    open_to_all = Session(SiteSettings("open", folder / "open", samples))
    grid.nodes[1] = node(open_to_all.handle)
    grid.nodes[2] = lambda message: FlowerMessage(
        wrap(worker.answer(unwrap(message))), reply_to=message
    )
    place = folder / "study"
    prepare(make_study(STUDY | {"seeds": 1} | more), place, sites=2)
    run_study(
        grid,
        place,
        QUICK,
        lambda event: remarks.append(event["text"]) if event["event"] == "remark" else None,
    )
    return cautious, remarks


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('methods = ["fedavg"]', "allows fedavg and not fedrep"),
        ("max_rounds = 2", "allows 2 rounds and not 3"),
        ('privacy = "local"', "asks for local privacy"),
        ("max_bytes = 1", "allows 1 bytes to be sent"),
    ],
)
def test_it_holds_against_a_server_that_did_not_say_so(
    text: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cautious, remarks = federation(tmp_path, policy(tmp_path, text))
    assert why in (cautious.refused or "")
    assert any(why in remark for remark in remarks)


def test_the_page_shows_every_entry(tmp_path: Path) -> None:
    blocks = [block.text for block in blocks_of(ROOT / "docs/how-to/deploy.md")]
    (text,) = (text for text in blocks if text.startswith("servers ="))
    assert policy(tmp_path, text).model_fields_set == set(Policy.model_fields)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """A person who gives these answers in turn."""
    answers: list[bool] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda _: answers.pop(0))
    yield answers
    assert not answers


def test_people_are_asked_once_for_each_study(terminal: list[bool], tmp_path: Path) -> None:
    status = {"study": summary().model_dump(mode="json")}
    terminal[:] = [False, True]
    with pytest.raises(InputError, match="does not take part"):
        ask_consent(status, policy=None, state=tmp_path, yes=False)
    ask_consent(status, policy=None, state=tmp_path, yes=False)
    ask_consent(status, policy=None, state=tmp_path, yes=False)  # agreed before
    terminal[:] = [True]
    ask_consent({"study": None}, policy=None, state=tmp_path, yes=False)
    with pytest.raises(InputError, match="policy cannot be held against it"):
        ask_consent({"study": None}, policy=Policy(), state=tmp_path, yes=True)


def test_what_will_travel_is_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status = {"study": summary(**NOISY).model_dump(mode="json")}
    ask_consent(status, policy=None, state=tmp_path, yes=True)
    shown = " ".join(capsys.readouterr().err.split())
    assert "model logistic, 3 rounds, 2 times, by fedrep." in shown
    assert "fedrep sends: " in shown
    assert "every answer is cut to length 1" in shown
    odd = status["study"] | {"model": "\x1b[31m"}  # type: ignore[operator]
    ask_consent({"study": odd}, policy=None, state=tmp_path, yes=True)
    assert "\x1b[31m" not in capsys.readouterr().err


def test_without_a_terminal_yes_must_be_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(InputError, match="add --yes"):
        ask_consent({}, policy=None, state=tmp_path, yes=False)
