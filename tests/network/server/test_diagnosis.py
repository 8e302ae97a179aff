"""A diagnosis over Flower's messages: what sites tell, what they keep, what follows."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Message

from network_grid import At, InProcessGrid
from small_studies import SMALL
from unalike import DiagnosisResult, InputError, diagnose
from unalike.cli.main import main
from unalike.data.site_samples import SiteSamples, read_site_samples
from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import Parcel, pack
from unalike.network.server.diagnosis import diagnosis_of, survey
from unalike.network.server.sites import Terms
from unalike.network.server.study import prepare
from unalike.network.site.session import Identity, Membership
from unalike.network.site.summaries import Wish
from unalike.study.inputs import deal_study
from unalike.study.roster import read_sites
from unalike.study.settings import make_study
from unlike_worlds import world

QUICK = Terms(deadline=5.0, patience=0.3, grace=0.2, poll=0.01)
Events = list[dict[str, Any]]


def at(membership: Membership) -> At:
    def answer(message: Message) -> Message:
        told = membership.handle(Parcel.of(*unwrap(message)))
        return Message(wrap(Frames(told.head(), told.body)), reply_to=message)

    return answer


def sites(identities: list[Identity]) -> InProcessGrid:
    return InProcessGrid({100 + i: at(Membership(one)) for i, one in enumerate(identities)})


def owners(folder: Path, **more: Any) -> list[Identity]:
    """Three sites with samples of their own; the second lacks the classes 0 and 1."""
    x, y, client, _ = world(2, samples=900, clients=3, feature=1.5)
    found = []
    for i in range(3):
        rows = (client == i) & ((y > 1) | (i != 1))
        np.savez(folder / f"{i}.npz", x=x[rows], y=y[rows])
        name = f"site-{i}"
        found.append(Identity(name, folder / name, read_site_samples(folder / f"{i}.npz"), **more))
    return found


def together(identities: list[Identity]) -> tuple[np.ndarray, ...]:
    held = [one.samples for one in identities if one.samples is not None]
    x, y = (np.concatenate([getattr(one, part) for one in held]) for part in ("x", "y"))
    names = np.repeat([one.name for one in identities], [len(one.y) for one in held])
    return x, y, names


def surveyed(
    folder: Path, identities: list[Identity], wish: Wish, events: Events | None = None
) -> DiagnosisResult:
    if not folder.exists():
        prepare(make_study({"data": "own"}), folder, sites=len(identities))
    said = [] if events is None else events
    return survey(sites(identities), folder, QUICK, wish, said.append)


def same_labels_and_sizes(here: DiagnosisResult, there: DiagnosisResult) -> None:
    assert there.names == here.names
    assert (there.counts == here.counts).all()
    for kind in ("label", "quantity"):
        assert there[kind].measures == here[kind].measures


@pytest.mark.proof("limit", "labels and sizes over a network: bit for bit those of all samples")
def test_sites_with_their_own_samples(tmp_path: Path) -> None:
    identities, events = owners(tmp_path), Events()
    here = diagnose(together(identities), optimise=False)
    there = surveyed(tmp_path / "study", identities[::-1], Wish(), events)
    same_labels_and_sizes(here, there)
    assert there["feature"].found
    assert there.remarks[-1].startswith("1 of 3 clients lack a class; site-1 has no sample of")
    written = json.loads((tmp_path / "study" / "diagnosis.json").read_text("utf-8"))
    assert written["found"] == list(there.found)
    assert (tmp_path / "study" / "diagnosis.html").exists()
    assert events[-1] == {"event": "finished"}
    assert diagnosis_of(tmp_path / "study").to_json() == there.to_json()


def test_sites_of_a_study_that_deals_its_data(tmp_path: Path) -> None:
    study = make_study(SMALL | {"alpha": 0.3})
    prepare(study, tmp_path / "study")
    names = [f"client {i}" for i in range(5)]
    identities = [Identity(name, tmp_path / name, client=i) for i, name in enumerate(names)]
    there = surveyed(tmp_path / "study", identities, Wish())
    same_labels_and_sizes(diagnose(deal_study(study, 0), optimise=False), there)
    assert "feature" not in there.found


def test_one_of_many_labels(tmp_path: Path) -> None:
    identities = owners(tmp_path)
    made = []
    for one in identities:
        assert one.samples is not None
        y = np.stack([one.samples.y > 1, one.samples.y == 4], 1).astype(np.float32)
        made.append(replace(one, samples=SiteSamples(one.samples.x, y)))
    with pytest.raises(InputError, match="choose one of them"):
        surveyed(tmp_path / "none", made, Wish())
    there = surveyed(tmp_path / "one", made, Wish(label=1))
    assert there.labels == ("without label 1", "with label 1")
    assert made[0].samples is not None
    assert there.counts[0, 1] == made[0].samples.y[:, 1].sum()


class Ear:
    """Keeps everything that the server hears."""

    def __init__(self, grid: InProcessGrid) -> None:
        self.grid = grid

    def heads(self) -> list[dict[str, Any]]:
        replies = [reply for _, _, reply in self.grid.log if reply and reply.has_content()]
        return [json.loads(unwrap(reply).head) for reply in replies]


def test_with_noise_the_server_hears_no_true_number(tmp_path: Path) -> None:
    identities = owners(tmp_path, noise=2.0)
    prepare(make_study({"data": "own"}), tmp_path / "study", sites=3)
    grid = sites(identities)
    found = survey(grid, tmp_path / "study", QUICK, Wish(noise=2.0), lambda _: None)
    heard = Ear(grid).heads()
    assert {told["verb"] for told in heard} == {"describe", "summarise"}
    for told in heard:
        assert told["facts"].get("sizes", [0, 0, 0]) == [0, 0, 0]
        assert told["facts"].get("label_counts", []) == []
    roster = read_sites(tmp_path / "study")
    assert roster is not None
    assert all(site is not None and site.train == 0 for site in roster.places)
    truth = diagnose(together(identities), optimise=False).counts
    assert (found.counts != truth).any()
    assert abs(found.counts - truth).max() < 60
    assert found.settings["epsilon"] == 2.0


def test_noise_is_drawn_once(tmp_path: Path) -> None:
    identities = owners(tmp_path, noise=2.0)
    first = surveyed(tmp_path / "study", identities, Wish(noise=2.0))
    again = surveyed(tmp_path / "study", identities, Wish(noise=2.0))
    assert again.to_json() == first.to_json()
    events = Events()
    with pytest.raises(InputError):
        surveyed(tmp_path / "study", identities, Wish(noise=1.0), events)
    whys = " ".join(event.get("text", "") for event in events)
    assert "has told its numbers once, with epsilon = 2" in whys
    others = [replace(one, state=tmp_path / "new" / one.name) for one in identities]
    assert surveyed(tmp_path / "other", others, Wish(noise=2.0)).to_json() != first.to_json()


@pytest.mark.parametrize(
    ("more", "wish", "words"),
    [
        ({"noise": 1.0}, Wish(), "serve with --noise 1"),
        ({"noise": 1.0}, Wish(noise=3.0), "nothing beyond epsilon = 1"),
        ({"tells_classes": False}, Wish(), "--hide-classes"),
    ],
)
def test_a_site_that_objects_says_why_and_leaves(
    tmp_path: Path, more: dict[str, Any], wish: Wish, words: str
) -> None:
    events = Events()
    with pytest.raises(InputError, match="sites were there"):
        surveyed(tmp_path / "study", owners(tmp_path, **more), wish, events)
    assert any(words in event.get("text", "") for event in events)


def test_a_site_with_noise_does_not_train(tmp_path: Path) -> None:
    member = Membership(owners(tmp_path, noise=1.0)[0])
    wish = Wish(noise=1.0).facts()
    asked = [pack(verb, {}) for verb in ("describe", "train", "spread", "summarise")]
    for question in [*asked, pack("train", wish), pack("evaluate", wish)]:
        answer = member.handle(question)
        assert answer.verb == "failed"
        assert "nothing else" in answer.facts["why"]


def test_one_bad_answer_does_not_spoil_the_others(tmp_path: Path) -> None:
    identities, events = owners(tmp_path), Events()
    prepare(make_study({"data": "own"}), tmp_path / "study", sites=3)
    grid = sites(identities)
    usual = grid.nodes[100]

    def bad(message: Message) -> Message | None:
        answer = usual(message)
        assert answer is not None
        told = Parcel.of(*unwrap(answer))
        if told.verb == "summarise":
            told = told._replace(body=bytes(told.body[:-8]) + np.array(np.nan).tobytes())
        return Message(wrap(Frames(told.head(), told.body)), reply_to=message)

    grid.nodes[100] = bad
    found = survey(grid, tmp_path / "study", QUICK, Wish(), events.append)
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
