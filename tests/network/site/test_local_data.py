"""Sites that keep their samples in files of every kind, with classes by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from network_grid import InProcessGrid
from site_files import CLASSES, QUICK, STUDY, blobs, pictures, site, table
from unalike import InputError, diagnose
from unalike.api.studies import read_result
from unalike.data.site_samples import SiteSamples, read_site_samples
from unalike.network.server.diagnosis import run_diagnosis
from unalike.network.server.study import prepare, run_study
from unalike.network.site.site_settings import SiteSettings
from unalike.study.roster import read_sites
from unalike.study.settings import make_study

NAMES = ("east", "north", "west")
Samples = dict[str, SiteSamples]


def read_all(folder: Path) -> tuple[Samples, Samples]:
    """The samples of three sites from files with names, and the same from npz with numbers.

    The one in the west has no sample of the class "none".
    """
    named, plain = {}, {}
    for seed, name in enumerate(NAMES):
        x, y = blobs(30 + 3 * seed, seed)
        if name == "west":
            x, y = x[y < 2], y[y < 2]
        np.savez(folder / f"{name}-plain.npz", x=x, y=y)
        plain[name] = read_site_samples(folder / f"{name}-plain.npz")
        frame = table(x, y)
        if name == "east":
            frame.to_csv(folder / "east.csv", index=False)
            named[name] = read_site_samples(folder / "east.csv", label_column="grade")
        elif name == "north":
            frame.assign(site="north").to_parquet(folder / "all.parquet")
            named[name] = read_site_samples(
                folder / "all.parquet", label_column="grade", client_column="site", client="north"
            )
        else:
            np.savez(folder / "west.npz", x=x, grade=frame["grade"].to_numpy(str))
            named[name] = read_site_samples(folder / "west.npz", label_column="grade")
    return named, plain


def grid(folder: Path, samples: Samples) -> InProcessGrid:
    sites = [SiteSettings(name, folder / name, samples) for name, samples in samples.items()]
    return InProcessGrid({i: site(one) for i, one in enumerate(sites)})


def metrics(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "runs/fedavg/seed-0/metrics.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["evaluation"] for line in lines]


def test_tables_whose_columns_differ_are_refused(tmp_path: Path) -> None:
    _, samples = read_all(tmp_path)
    sites = {}
    for name, columns in (("east", "abcd"), ("north", "abcd"), ("west", "bacd"), ("late", "abce")):
        x, y = blobs(30, len(sites))
        frame = pd.DataFrame(x, columns=list(columns)).assign(y=y)
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        sites[name] = read_site_samples(tmp_path / f"{name}.csv")
    assert sites["west"].columns == ("b", "a", "c", "d")
    sites["arrays"] = samples["east"]  # without names, which fits any
    prepare(make_study(STUDY), tmp_path / "study", sites=5)
    events: list[dict[str, Any]] = []
    run_study(grid(tmp_path / "state", sites), tmp_path / "study", QUICK, events.append)
    refused = {event["site"]: event["why"] for event in events if event["event"] == "refused"}
    assert refused.keys() == {"west", "late"}
    assert all("another order" in why for why in refused.values())
    assert read_result(tmp_path / "study").names[:3] == ("arrays", "east", "north")


def test_files_of_every_kind_train_as_plain_arrays_do(tmp_path: Path) -> None:
    named, plain = read_all(tmp_path)
    prepare(make_study(STUDY | {"classes": CLASSES}), tmp_path / "named", sites=3)
    run_study(grid(tmp_path / "a", named), tmp_path / "named", QUICK, lambda _: None)
    prepare(make_study(STUDY), tmp_path / "plain", sites=3)
    run_study(grid(tmp_path / "b", plain), tmp_path / "plain", QUICK, lambda _: None)
    assert str(metrics(tmp_path / "named")) == str(metrics(tmp_path / "plain"))
    result = read_result(tmp_path / "named")
    assert result.label_counts[2].tolist() == [12, 12, 0]
    assert tuple(result.settings["classes"]) == CLASSES


def test_folders_of_pictures(tmp_path: Path) -> None:
    samples = {
        name: read_site_samples(pictures(tmp_path / "pictures" / name, *blobs(30, seed)))
        for seed, name in enumerate(NAMES[:2])
    }
    prepare(make_study(STUDY | {"classes": CLASSES}), tmp_path / "study", sites=2)
    run_study(grid(tmp_path, samples), tmp_path / "study", QUICK, lambda _: None)
    roster = read_sites(tmp_path / "study")
    assert roster is not None
    assert roster.samples is not None
    assert (roster.samples.shape, roster.samples.classes) == ((1, 2, 2), 3)
    assert min(metrics(tmp_path / "study")[-1]["personal"]["accuracy"]) > 0.6


def test_a_diagnosis_calls_classes_by_their_names(tmp_path: Path) -> None:
    named, plain = read_all(tmp_path)
    prepare(make_study({"data": "own", "classes": CLASSES}), tmp_path / "study", sites=3)
    there = run_diagnosis(grid(tmp_path, named), tmp_path / "study", QUICK, lambda _: None)
    x, y = (np.concatenate([getattr(one, part) for one in plain.values()]) for part in "xy")
    sizes = [len(one.y) for one in plain.values()]
    here = diagnose((x, y, np.repeat(NAMES, sizes)), optimise=False)
    assert there.labels == CLASSES
    assert (there.counts == here.counts).all()
    assert there["label"].measures == here["label"].measures
    assert any("west has no sample of" in remark for remark in there.remarks)


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (None, "calls its classes 'mild', 'none', 'severe': the study file must name all classes"),
        (("mild", "none"), "class 'severe', but the study's classes are 'mild', 'none'"),
    ],
)
@pytest.mark.parametrize("work", [run_study, run_diagnosis])
def test_classes_that_have_no_number(
    tmp_path: Path, classes: tuple[str, ...] | None, words: str, work: Callable[..., Any]
) -> None:
    named, events = read_all(tmp_path)[0], list[dict[str, Any]]()
    settings = {} if classes is None else {"classes": classes}
    prepare(make_study(STUDY | settings), tmp_path / "study", sites=1)
    sites = grid(tmp_path, {"east": named["east"]})
    with pytest.raises(InputError, match="Only 0 of 1 sites"):
        work(sites, tmp_path / "study", QUICK, events.append)
    assert any(words in event.get("text", "") for event in events)
