"""A diagnosis over Flower's messages: what sites tell, what they keep, what follows."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Message as FlowerMessage

from network_grid import InProcessGrid
from site_files import site
from small_studies import SMALL
from unalike import DiagnosisResult, InputError, diagnose
from unalike.cli.main import main
from unalike.data.preprocessing.table import Column
from unalike.data.reading.raw_samples import RawSamples, read_raw
from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.messages import Message, pack
from unalike.network.protocol.summary_request import SummaryRequest
from unalike.network.server.diagnosis import read_diagnosis, run_diagnosis
from unalike.network.server.server_settings import ServerSettings
from unalike.network.server.study import prepare
from unalike.network.site.own_samples import read_own_samples
from unalike.network.site.session import Session
from unalike.network.site.site_settings import SiteSettings
from unalike.study.inputs import deal_study
from unalike.study.roster import read_sites
from unalike.study.settings import make_study
from unlike_worlds import world

QUICK = ServerSettings(deadline=5.0, patience=0.3, grace=0.2, poll=0.01)
Events = list[dict[str, Any]]


def sites(settings: list[SiteSettings]) -> InProcessGrid:
    return InProcessGrid({100 + i: site(one) for i, one in enumerate(settings)})


def owners(folder: Path, **more: Any) -> list[SiteSettings]:
    """Three sites with samples of their own; the second lacks the classes 0 and 1."""
    x, y, client, _ = world(2, samples=900, clients=3, feature=1.5)
    found = []
    for i in range(3):
        rows = (client == i) & ((y > 1) | (i != 1))
        np.savez(folder / f"{i}.npz", x=x[rows], y=y[rows])
        name = f"site-{i}"
        found.append(
            SiteSettings(name, folder / name, read_own_samples(folder / f"{i}.npz"), **more)
        )
    return found


def together(settings: list[SiteSettings]) -> tuple[np.ndarray, ...]:
    samples = [one.samples for one in settings if one.samples is not None]
    x, y = np.concatenate([one.x for one in samples]), np.concatenate(list(map(classes, samples)))
    return x, y, np.repeat([one.name for one in settings], list(map(len, samples)))


def classes(samples: RawSamples | None) -> np.ndarray:
    """The numbers that a site's file has as classes: [n]."""
    assert isinstance(samples.labels, Column)
    return samples.labels.values


def diagnosed(
    folder: Path, settings: list[SiteSettings], events: Events | None = None, **options: Any
) -> DiagnosisResult:
    if not folder.exists():
        prepare(make_study({"data": "own"}), folder, sites=len(settings))
    heard = [] if events is None else events
    return run_diagnosis(sites(settings), folder, replace(QUICK, **options), heard.append)


def same_labels_and_sizes(here: DiagnosisResult, there: DiagnosisResult) -> None:
    assert there.names == here.names
    assert (there.counts == here.counts).all()
    for kind in ("label", "quantity"):
        assert there[kind].found == here[kind].found
        for mine, known in zip(there[kind].measures, here[kind].measures, strict=True):
            assert (mine.name, mine.decides) == (known.name, known.decides)
            assert mine.value == pytest.approx(known.value, rel=1e-12)
            assert mine.p == pytest.approx(known.p, abs=4 * (mine.error + known.error), nan_ok=True)


@pytest.mark.proof(
    "limit", "labels and sizes over a network: those of all samples, by shuffles of their own"
)
def test_sites_with_their_own_samples(tmp_path: Path) -> None:
    settings, events = owners(tmp_path), Events()
    here = diagnose(together(settings), optimise=False)
    there = diagnosed(tmp_path / "study", settings[::-1], events)
    same_labels_and_sizes(here, there)
    assert there["feature"].found
    assert there.remarks[-1].startswith("1 of 3 clients lack a class; site-1 has no sample of")
    written = json.loads((tmp_path / "study" / "diagnosis.json").read_text("utf-8"))
    assert written["found"] == list(there.found)
    assert (tmp_path / "study" / "diagnosis.html").exists()
    assert events[-1] == {"event": "finished"}
    assert read_diagnosis(tmp_path / "study").to_json() == there.to_json()


@pytest.mark.slow
def test_sites_of_a_study_that_deals_its_data(tmp_path: Path) -> None:
    study = make_study(SMALL | {"alpha": 0.3})
    prepare(study, tmp_path / "study")
    names = [f"client {i}" for i in range(5)]
    settings = [SiteSettings(name, tmp_path / name, client=i) for i, name in enumerate(names)]
    there = diagnosed(tmp_path / "study", settings)
    same_labels_and_sizes(diagnose(deal_study(study, 0), optimise=False), there)
    assert "feature" not in there.found


def test_one_of_many_labels(tmp_path: Path) -> None:
    settings = owners(tmp_path)
    made = []
    for one in settings:
        held = classes(one.samples)
        y = np.stack([held > 1, held == 4], 1).astype(np.float32)
        made.append(replace(one, samples=read_raw((one.samples.x, y), scale="none")))
    with pytest.raises(InputError, match="choose one of them"):
        diagnosed(tmp_path / "none", made)
    there = diagnosed(tmp_path / "one", made, label=1)
    assert there.labels == ("without label 1", "with label 1")
    assert there.counts[0, 1] == (classes(settings[0].samples) == 4).sum()


def answers(grid: InProcessGrid) -> list[Message]:
    """Everything that the server hears."""
    replies = [reply for _, _, reply in grid.log if reply and reply.has_content()]
    return [Message.of(unwrap(reply)) for reply in replies]


def test_with_noise_the_server_hears_no_true_number(tmp_path: Path) -> None:
    settings = owners(tmp_path, noise=2.0)
    prepare(make_study({"data": "own"}), tmp_path / "study", sites=3)
    grid = sites(settings)
    found = run_diagnosis(grid, tmp_path / "study", replace(QUICK, noise=2.0), lambda _: None)
    assert {answer.verb for answer in answers(grid)} == {"describe", "summarise"}
    for answer in answers(grid):
        assert answer.facts.get("sizes", [0, 0, 0]) == [0, 0, 0]
        assert not answer.facts.get("label_counts")
        told = answer.facts.get("samples")
        assert told is None or told["labels"]["names"] == list("01234")
    roster = read_sites(tmp_path / "study")
    assert all(site is not None and site.train == 0 for site in roster.places)
    truth = diagnose(together(settings), optimise=False).counts
    assert (found.counts != truth).any()
    assert abs(found.counts - truth).max() < 60
    assert found.settings["epsilon"] == 2.0


@pytest.mark.slow
def test_noise_is_drawn_once(tmp_path: Path) -> None:
    settings = owners(tmp_path, noise=2.0)
    first = diagnosed(tmp_path / "study", settings, noise=2.0)
    again = diagnosed(tmp_path / "study", settings, noise=2.0)
    assert again.to_json() == first.to_json()
    events = Events()
    with pytest.raises(InputError):
        diagnosed(tmp_path / "study", settings, events, noise=1.0)
    whys = " ".join(event.get("text", "") for event in events)
    assert "has told its numbers once, with epsilon = 2" in whys
    others = [replace(one, state_folder=tmp_path / "new" / one.name) for one in settings]
    assert diagnosed(tmp_path / "other", others, noise=2.0).to_json() != first.to_json()


@pytest.mark.parametrize(
    ("more", "noise", "words"),
    [
        ({"noise": 1.0}, 0.0, "serve with --noise 1"),
        ({"noise": 1.0}, 3.0, "nothing beyond epsilon = 1"),
        ({"reveal_classes": False}, 0.0, "--hide-classes"),
    ],
)
def test_a_site_that_objects_says_why_and_leaves(
    tmp_path: Path, more: dict[str, Any], noise: float, words: str
) -> None:
    events = Events()
    with pytest.raises(InputError, match="sites were there"):
        diagnosed(tmp_path / "study", owners(tmp_path, **more), events, noise=noise)
    assert any(words in event.get("text", "") for event in events)


def test_a_site_with_noise_does_not_train(tmp_path: Path) -> None:
    session = Session(owners(tmp_path, noise=1.0)[0])
    facts = SummaryRequest(noise=1.0).facts()
    plain = [pack(verb, {}) for verb in ("describe", "train", "spread", "summarise")]
    for request in [*plain, pack("train", facts), pack("evaluate", facts)]:
        answer = session.handle(request)
        assert answer.verb == "failed"
        assert "nothing else" in answer.facts["why"]


def test_one_bad_answer_does_not_spoil_the_others(tmp_path: Path) -> None:
    settings, events = owners(tmp_path), Events()
    prepare(make_study({"data": "own"}), tmp_path / "study", sites=3)
    grid = sites(settings)
    usual = grid.nodes[100]

    def bad(message: FlowerMessage) -> FlowerMessage | None:
        reply = usual(message)
        answer = Message.of(unwrap(reply))
        if answer.verb == "summarise":
            answer = answer._replace(body=bytes(answer.body[:-8]) + np.array(np.nan).tobytes())
        return FlowerMessage(wrap(answer.frames()), reply_to=message)

    grid.nodes[100] = bad
    found = run_diagnosis(grid, tmp_path / "study", QUICK, events.append)
    assert found.names == ("site-1", "site-2")
    assert any("site-0 told is not used" in event.get("text", "") for event in events)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "own.toml", "--noise", "1"], "add --diagnose"),
        (["serve", "own.toml", "--label", "1"], "add --diagnose"),
        (["serve", "own.toml", "--diagnose", "--noise", "0"], "epsilon = 0"),
        (["rehearse", "own.toml", "--noise", "1"], "add --diagnose"),
        (["join", "localhost:1", "--data", "own.toml", "--name", "a", "--noise", "-1"], "epsilon"),
    ],
)
def test_options_that_make_no_sense(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text('data = "own"\n')
    monkeypatch.setattr(sys, "argv", ["unalike", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert words in " ".join(capsys.readouterr().err.split())
