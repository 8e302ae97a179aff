"""Which piece of a site answers a message, and which messages end its part in the federation."""

from __future__ import annotations

from pathlib import Path

from site_files import blobs
from unalike import __version__
from unalike.data.preprocessing.preprocessing import fit
from unalike.data.preprocessing.settings import PreprocessingSettings
from unalike.data.reading.raw_samples import read_raw
from unalike.network.protocol.messages import FAILED, pack
from unalike.network.protocol.preparation import Preparation
from unalike.network.protocol.run_description import RunDescription
from unalike.network.site.session import Session
from unalike.network.site.site_settings import SiteSettings

PREPARED = Preparation(
    task="classes",
    outputs=3,
    class_names=("0", "1", "2"),
    preprocessing=fit({"north": blobs(30, 0)[0]}, PreprocessingSettings()).to_dict(),
).facts()


def session(folder: Path, noise: float | None = None) -> Session:
    return Session(SiteSettings("north", folder, read_raw(blobs(30, 0)), noise=noise))


def run(token: str) -> dict[str, object]:
    settings = {"data": "own", "model": "logistic"}
    return RunDescription(token, settings, "fedavg", 0, 0, 1).facts() | PREPARED


def test_a_verb_that_nobody_knows(tmp_path: Path) -> None:
    site = session(tmp_path)
    answer = site.handle(pack("dance"))
    assert answer.verb == FAILED
    assert answer.facts == {"why": "nobody here knows how to 'dance'"}
    assert site.refused is None


def test_a_site_that_only_takes_part_in_a_diagnosis_refuses_even_what_nobody_knows(
    tmp_path: Path,
) -> None:
    site = session(tmp_path, noise=1.0)
    answer = site.handle(pack("dance"))
    assert (answer.verb, answer.facts["lasting"]) == (FAILED, True)
    assert site.refused == answer.facts["why"]
    assert "it takes part in a diagnosis and in nothing else" in site.refused


def test_what_the_server_refuses_is_said(tmp_path: Path) -> None:
    site = session(tmp_path, noise=1.0)
    assert site.handle(pack("refuse", {"why": "All places are taken."})).verb == "refuse"
    assert site.refused == "The server refuses this site: All places are taken."


def test_summaries_are_only_for_a_diagnosis(tmp_path: Path) -> None:
    site = session(tmp_path)
    for verb in ("spread", "summarise"):
        answer = site.handle(pack(verb, {"version": __version__, "classes": 3, "study": {}}))
        assert answer.facts == {"why": "the question for a diagnosis cannot be read"}
    assert site.refused is None


def test_each_run_has_a_trainer_of_its_own(tmp_path: Path) -> None:
    site = session(tmp_path)
    for token in ("a", "b", "a"):
        answer = site.handle(pack("train", {**run(token), "t": 1}))
        assert answer.facts["why"] == "the server sent no model"
        assert (tmp_path / token / "fedavg" / "seed-0").is_dir()
    answer = site.handle(pack("train", {**run("c"), "run": {"version": "0"}}))
    assert answer.facts["why"].startswith("the server runs unalike 0 and this site")
    assert not (tmp_path / "c").exists()


def test_a_site_remembers_how_its_samples_are_prepared(tmp_path: Path) -> None:
    question = {key: value for key, value in run("a").items() if key != "preparation"}
    answer = session(tmp_path).handle(pack("train", {**question, "t": 1}))
    assert answer.facts["why"] == "this site does not know how its samples are prepared"
    session(tmp_path).handle(pack("train", {**run("a"), "t": 1}))
    again = session(tmp_path).handle(pack("train", {**question, "t": 1}))
    assert again.facts["why"] == "the server sent no model"
    broken = session(tmp_path).handle(pack("train", {**run("b"), "preparation": {}, "t": 1}))
    assert broken.facts["why"] == "how samples are prepared cannot be read"
