"""Sites that keep their samples in files of every kind, with classes by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flwr.app import Message as FlowerMessage

from network_grid import InProcessGrid
from site_files import CLASSES, QUICK, STUDY, blobs, pictures, site, table
from unalike import InputError, diagnose
from unalike.api.result import read_result
from unalike.data.reading.raw_samples import RawSamples
from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.messages import Message
from unalike.network.server.diagnosis import run_diagnosis
from unalike.network.server.study import prepare, run_study
from unalike.network.site.own_samples import read_own_samples
from unalike.network.site.site_settings import SiteSettings
from unalike.study.roster import read_sites
from unalike.study.settings import make_study

NAMES = ("east", "north", "west")
Samples = dict[str, RawSamples]


def frames() -> dict[str, pd.DataFrame]:
    """Three sites; the one in the west has no sample of the class "none"."""
    found = {}
    for seed, name in enumerate(NAMES):
        x, y = blobs(30 + 3 * seed, seed)
        if name == "west":
            x, y = x[y < 2], y[y < 2]
        found[name] = table(x, y)
    return found


def read_all(folder: Path) -> Samples:
    """Their samples from files of three kinds, columns in two orders."""
    found = frames()
    found["east"].to_csv(folder / "east.csv", index=False)
    found["north"].assign(site="north").to_parquet(folder / "all.parquet")
    found["west"][["grade", "d", "c", "b", "a"]].to_csv(folder / "west.tsv", sep="\t", index=False)
    return {
        "east": read_own_samples(folder / "east.csv", label="grade"),
        "north": read_own_samples(
            folder / "all.parquet", name="north", client="site", label="grade"
        ),
        "west": read_own_samples(folder / "west.tsv", label="grade"),
    }


def grid(folder: Path, samples: Samples, **more: Any) -> InProcessGrid:
    sites = [SiteSettings(name, folder / name, held, **more) for name, held in samples.items()]
    return InProcessGrid({i: site(one) for i, one in enumerate(sites)})


def metrics(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "runs/fedavg/seed-0/metrics.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["evaluation"] for line in lines]


def refused(events: list[dict[str, Any]]) -> dict[str, str]:
    return {event["site"]: event["why"] for event in events if event["event"] == "refused"}


def test_sites_that_do_not_fit_are_refused_and_the_others_go_on(tmp_path: Path) -> None:
    samples = read_all(tmp_path)
    x, y = blobs(30, 7)
    np.savez(tmp_path / "arrays.npz", x=x, y=y)
    samples["arrays"] = read_own_samples(tmp_path / "arrays.npz")
    odd = {
        "lacks": table(x, y).drop(columns="a"),
        "extra": table(x, y).assign(e=x[:, 0]),
        "measured": table(x, y).assign(grade=x[:, 1]),
        "kind": table(x, y),
    }
    for name, frame in odd.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        kinds = {"a": "category"} if name == "kind" else {}
        samples[name] = read_own_samples(tmp_path / f"{name}.csv", label="grade", kinds=kinds)
    study = make_study(STUDY | {"columns": {"a": "number"}})
    prepare(study, tmp_path / "study", sites=len(samples))
    events: list[dict[str, Any]] = []
    run_study(grid(tmp_path / "state", samples), tmp_path / "study", QUICK, events.append)
    why = refused(events)
    assert why.keys() == {"arrays", *odd}
    assert "brings arrays, samples of shape [4], but the others a table" in why["arrays"]
    assert "lacks the column 'a'" in why["lacks"]
    assert "has a column 'e', which the others have not" in why["extra"]
    assert "holds quantities, but other sites' labels are classes" in why["measured"]
    assert "another --column a" in why["kind"]
    assert read_result(tmp_path / "study").names[:3] == NAMES


def test_classes_are_the_union_of_all_names_in_natural_order(tmp_path: Path) -> None:
    prepare(make_study(STUDY), tmp_path / "study", sites=3)
    events: list[dict[str, Any]] = []
    run_study(grid(tmp_path, read_all(tmp_path)), tmp_path / "study", QUICK, events.append)
    (said,) = [event for event in events if event["event"] == "prepared"]
    assert said["asked"].endswith("(classes): mild, none, severe.")
    assert [row[:2] for row in said["columns"]] == [[name, "number"] for name in "abcd"]
    result = read_result(tmp_path / "study")
    assert result.label_counts[2].tolist() == [12, 0, 12]
    assert min(metrics(tmp_path / "study")[-1]["personal"]["accuracy"]) > 0.6


def test_a_study_may_name_the_classes_in_its_own_order(tmp_path: Path) -> None:
    samples = read_all(tmp_path)
    table(*blobs(30, 5)).replace("mild", "unheard").to_csv(tmp_path / "odd.csv", index=False)
    samples["odd"] = read_own_samples(tmp_path / "odd.csv", label="grade")
    prepare(make_study(STUDY | {"classes": CLASSES}), tmp_path / "study", sites=3)
    events: list[dict[str, Any]] = []
    run_study(grid(tmp_path, samples), tmp_path / "study", QUICK, events.append)
    result = read_result(tmp_path / "study")
    assert result.label_counts[2].tolist() == [12, 12, 0]
    assert tuple(result.settings["classes"]) == CLASSES
    assert any("class 'unheard', but the study's" in event.get("text", "") for event in events)


@pytest.mark.parametrize(
    "claim", [{"names": [f"class {i}" for i in range(20_000)]}, {"outputs": 10**7}]
)
def test_a_site_of_ten_million_classes_is_refused_by_name(
    tmp_path: Path, claim: dict[str, Any]
) -> None:
    sites = grid(tmp_path, read_all(tmp_path))
    usual = sites.nodes[2]

    def liar(message: FlowerMessage) -> FlowerMessage | None:
        reply = usual(message)
        answer = Message.of(unwrap(reply))
        if answer.verb == "describe":
            answer.facts["samples"]["labels"] |= claim
        return FlowerMessage(wrap(answer.frames()), reply_to=message)

    sites.nodes[2] = liar
    prepare(make_study(STUDY), tmp_path / "study", sites=3)
    events: list[dict[str, Any]] = []
    run_study(sites, tmp_path / "study", QUICK, events.append)
    assert refused(events).keys() == {"west"}
    assert "at most 10,000 are taken" in refused(events)["west"]
    roster = read_sites(tmp_path / "study")
    assert roster.samples.class_names == ("mild", "none", "severe")


def test_folders_of_pictures(tmp_path: Path) -> None:
    samples = {
        name: read_own_samples(pictures(tmp_path / "pictures" / name, *blobs(30, seed)))
        for seed, name in enumerate(NAMES[:2])
    }
    prepare(make_study(STUDY), tmp_path / "study", sites=2)
    run_study(grid(tmp_path, samples), tmp_path / "study", QUICK, lambda _: None)
    roster = read_sites(tmp_path / "study")
    assert (roster.samples.shape, roster.samples.classes) == ((1, 2, 2), 3)
    assert min(metrics(tmp_path / "study")[-1]["personal"]["accuracy"]) > 0.6
    with pytest.raises(InputError, match=r"several clients, none of them called 'me'"):
        read_own_samples(tmp_path / "pictures", name="me", layout="client/class")
    held = read_own_samples(tmp_path / "pictures", name="north", layout="client/class")
    assert len(held) == 30


def test_a_diagnosis_calls_classes_by_their_names(tmp_path: Path) -> None:
    prepare(make_study({"data": "own"}), tmp_path / "study", sites=3)
    samples = read_all(tmp_path)
    there = run_diagnosis(grid(tmp_path, samples), tmp_path / "study", QUICK, lambda _: None)
    together = pd.concat([frame.assign(client=name) for name, frame in frames().items()])
    here = diagnose(together.reset_index(drop=True), label_column="grade", optimise=False)
    assert there.labels == ("mild", "none", "severe")
    assert (there.counts == here.counts).all()
    assert there["label"].measures == here["label"].measures
    assert any("west has no sample of" in remark for remark in there.remarks)


def test_of_patients_who_come_again_a_site_tells_of_one_visit_each(tmp_path: Path) -> None:
    samples = {}
    for name, frame in frames().items():
        again = pd.concat([frame.assign(patient_id=range(len(frame)))] * 2)
        again.to_csv(tmp_path / f"{name}.csv", index=False)
        samples[name] = read_own_samples(tmp_path / f"{name}.csv", label="grade")
    prepare(make_study({"data": "own"}), tmp_path / "study", sites=3)
    found = run_diagnosis(grid(tmp_path, samples), tmp_path / "study", QUICK, lambda _: None)
    held = {name: len(frame) for name, frame in frames().items()}
    assert dict(zip(found.names, found.counts.sum(1).tolist(), strict=True)) == held


def test_with_noise_names_must_be_known_beforehand(tmp_path: Path) -> None:
    samples = {name: held for name, held in read_all(tmp_path).items() if name != "west"}
    with_noise = QUICK.__class__(**{**QUICK.__dict__, "noise": 1.0})
    for settings, words in (
        ({}, "the study file must name all classes"),
        ({"classes": CLASSES}, ""),
    ):
        folder, events = tmp_path / f"study {bool(settings)}", list[dict[str, Any]]()
        prepare(make_study({"data": "own"} | settings), folder, sites=2)
        sites = grid(folder / "state", samples, noise=1.0)
        if words:
            with pytest.raises(InputError, match="Only 0 of 2 sites"):
                run_diagnosis(sites, folder, with_noise, events.append)
            assert any(words in event.get("text", "") for event in events)
        else:
            found = run_diagnosis(sites, folder, with_noise, events.append)
            assert found.labels == CLASSES
