"""Sites' own files give what one file of all sites gives in a simulation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flwr.app import Message as FlowerMessage
from rich.console import Console

from network_grid import InProcessGrid, Node, node
from run_records import BINNED, assert_same_records, metrics
from site_files import QUICK, site
from unalike import InputError, __version__, compare
from unalike.cli.network.federation_progress import FederationProgress
from unalike.data.federation import federate
from unalike.data.preprocessing.preprocessing import Preprocessing
from unalike.data.preprocessing.table import Table
from unalike.data.preprocessing.table_preprocessing import TablePreprocessing
from unalike.data.reading import read
from unalike.data.target_scaling import with_target_scale
from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.messages import Message, pack
from unalike.network.server.preprocessing_fit import Fitted, fit_preprocessing
from unalike.network.server.requests import Requests
from unalike.network.server.server_settings import ServerSettings
from unalike.network.server.sites import ConnectedSites
from unalike.network.server.study import prepare, run_study
from unalike.network.site.local_data import parts_of
from unalike.network.site.own_samples import read_own_samples
from unalike.network.site.session import Session
from unalike.network.site.site_settings import SiteSettings
from unalike.study.roster import read_sites
from unalike.study.settings import make_study

SITES = ("east", "north", "west 10", "west 9")
COLUMNS = {"label": "outcome"}
STUDY: dict[str, Any] = {
    "methods": ("fedavg",),
    "model": "logistic",
    "rounds": 2,
    "seeds": 1,
    "evaluate_every": 1,
}
WITH_BASELINES = ServerSettings(least=1, deadline=5.0, patience=0.5, grace=0.2, poll=0.01)


def patients() -> pd.DataFrame:
    """Numbers with gaps, large whole numbers, categories, yes and no, dates; unequal hospitals.

    The smallest hospital has one class only.
    """
    rng = np.random.default_rng(0)
    n = 150
    hospital = rng.choice(SITES, n, p=[0.4, 0.3, 0.2, 0.1])
    age = rng.normal(60, 12, n).round(1)
    frame = pd.DataFrame(
        {
            "hospital": hospital,
            "age": np.where(rng.random(n) < 0.1, np.nan, age),
            "cells": rng.integers(0, 2**40, n),
            "sort": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
            "smokes": rng.choice(["yes", "no"], n),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
            "outcome": np.where((age > 60) & (hospital != SITES[-1]), "ill", "well"),
        }
    )
    return frame


def asked(frame: pd.DataFrame, question: str) -> pd.DataFrame:
    """Another outcome: points are a quantity, and time and seen a survival."""
    rng = np.random.default_rng(1)
    points = frame["age"].fillna(60) / 10 + rng.normal(size=len(frame)).round(2)
    if question == "regression":
        return frame.assign(outcome=5000.25 + 300 * points)
    if question == "counts":
        return frame.assign(outcome=rng.poisson(40 * points.abs()))
    if question == "survival":
        return frame.assign(outcome=points.abs(), seen=np.where(rng.random(len(frame)) < 0.7, 1, 0))
    return frame


def session(folder: Path, name: str, frame: pd.DataFrame, **more: Any) -> Session:
    """A site with its part of the file."""
    own = frame[frame["hospital"] == name].drop(columns="hospital")
    folder.mkdir(parents=True, exist_ok=True)
    own.to_csv(folder / f"{name}.csv", index=False)
    event = {"event": "seen"} if "seen" in own else {}
    raw = read_own_samples(folder / f"{name}.csv", name=name, **COLUMNS, **event)
    return Session(SiteSettings(name, folder / "state" / name, raw, **more))


def grid(folder: Path, frame: pd.DataFrame, **more: dict[str, Any]) -> InProcessGrid:
    """All sites; more: settings of single ones by name."""
    sites = [session(folder, name, frame, **more.get(name, {})) for name in SITES]
    return InProcessGrid({i: site(one.settings) for i, one in enumerate(sites)})


def fitted(
    grid: InProcessGrid,
    folder: Path,
    events: list[dict[str, Any]],
    serving: ServerSettings = QUICK,
    **settings: Any,
) -> list[Preprocessing]:
    """What the sites' answers give with the seeds 0 and 1."""
    return [one.preprocessing for one in fits(grid, folder, events, serving, **settings)]


def fits(
    grid: InProcessGrid,
    folder: Path,
    events: list[dict[str, Any]],
    serving: ServerSettings = QUICK,
    **settings: Any,
) -> list[Fitted]:
    """The same with the scale of what is asked."""
    study = make_study(STUDY | {"data": "own"} | settings)
    roster = prepare(study, folder / "fit", sites=len(grid.nodes))
    sites = ConnectedSites(study, roster, Requests(grid, poll=0.01), serving, events.append)
    sites.wait_for_all()
    return [fit_preprocessing(sites, roster, seed) for seed in (0, 1)]


@pytest.mark.proof("limit", "own files over a network: the numbers of one file in a simulation")
@pytest.mark.parametrize(
    "question",
    [
        "binary",
        "binary, patients who come again",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("regression", "survival")),
    ],
)
def test_they_give_the_simulation_s_numbers(tmp_path: Path, question: str) -> None:
    question, _, again = question.partition(", ")
    frame = asked(patients(), question)
    if again:
        who = np.random.default_rng(2).integers(60, size=len(frame))
        frame = frame.assign(patient_id=[f"P{one}" if one else "" for one in who])
    seeds = {"seeds": 2} if again else {}
    frame.to_csv(tmp_path / "all.csv", index=False)
    event = {"event_column": "seen"} if question == "survival" else {}
    compare(
        str(tmp_path / "all.csv"),
        client_column="hospital",
        label_column="outcome",
        out=tmp_path / "simulated",
        **event,
        **STUDY | seeds,
    )
    study = make_study(STUDY | {"data": "own", "new_clients": 0.0} | seeds)
    prepare(study, tmp_path / "network", sites=len(SITES))
    run_study(grid(tmp_path, frame), tmp_path / "network", WITH_BASELINES, lambda _: None)
    roster = read_sites(tmp_path / "network")
    assert roster.samples.task == question
    pooled = BINNED | (
        {"loss", "c_index"} if question == "survival" else set()
    )  # pairs within sites
    ours, theirs = metrics(tmp_path / "simulated"), metrics(tmp_path / "network")
    assert_same_records(ours, theirs, pooled=pooled)
    assert any(one.sizes(0) != one.sizes(1) for one in roster.places) == bool(again)


@pytest.mark.parametrize("scale", ["auto", "robust"])
@pytest.mark.parametrize("arrays", [False, True])
def test_what_is_fitted_is_the_simulation_s_bit_for_bit(
    tmp_path: Path, scale: str, arrays: bool
) -> None:
    frame = patients()
    if arrays:
        frame = frame[["hospital", "age", "cells", "outcome"]].fillna(60.5)
    nodes = {}
    for i, name in enumerate(reversed(SITES)):
        own = frame[frame["hospital"] == name].drop(columns="hospital")
        path = tmp_path / f"{name}.npz"
        if arrays:
            np.savez(path, x=own[["age", "cells"]].to_numpy(), outcome=own["outcome"].to_numpy(str))
        else:
            path = path.with_suffix(".csv")
            own.to_csv(path, index=False)
        held = read_own_samples(path, **COLUMNS)
        nodes[i] = site(SiteSettings(name, tmp_path / name, held))
    if arrays:
        pooled = read(
            frame[["age", "cells"]].to_numpy(),
            label=frame["outcome"],
            client=frame["hospital"],
            scale=scale,
        )
    else:
        frame.to_csv(tmp_path / "all.csv", index=False)
        pooled = read(tmp_path / "all.csv", client="hospital", scale=scale, **COLUMNS)
    there = fitted(InProcessGrid(nodes), tmp_path, [], scale=scale)
    for seed in (0, 1):
        known = federate(pooled.arrays(), split="natural", seed=seed).preprocessing
        assert isinstance(known, Preprocessing)
        assert there[seed].to_dict() == known.to_dict()
    assert there[0] != there[1]


@pytest.mark.parametrize("question", ["regression", "counts"])
def test_targets_are_scaled_as_in_a_simulation_bit_for_bit(tmp_path: Path, question: str) -> None:
    frame = asked(patients(), question)
    frame.to_csv(tmp_path / "all.csv", index=False)
    pooled = read(tmp_path / "all.csv", client="hospital", task=question, **COLUMNS)
    there = fits(grid(tmp_path, frame), tmp_path, [], task=question)
    for seed in (0, 1):
        known = with_target_scale(federate(pooled.arrays(), split="natural", seed=seed))
        assert there[seed].target_scale == known.task.target_scale
    assert there[0].target_scale != there[1].target_scale
    told = (tmp_path / "state" / "north" / "told.jsonl").read_text("utf-8").splitlines()
    about = [json.loads(line)["about"] for line in told]
    assert about.count("targets") == 4  # the range and the sums, with each seed
    own = tmp_path / "own"
    unscaled = fits(grid(own, frame), own, [], target_scale="none", task=question)
    assert [one.target_scale for one in unscaled] == [None, None]


def test_sums_of_targets_that_cannot_be_are_refused_by_name(tmp_path: Path) -> None:
    def lying(answer: Message) -> Message:
        told = answer.facts.get("answer", {})
        if len(told.get("total", ())) == 1:
            told["total"] = [-1]
        return answer

    frame = asked(patients(), "regression")
    larger = frame.assign(outcome=np.where(frame["hospital"] == "north", 10, 1) * frame["outcome"])
    scales = []
    for name, given in (("one", frame), ("other", larger)):
        sites = grid(tmp_path / name, given)
        honest = fits(sites, tmp_path / name / "honest", [])[0]
        sites.nodes[1] = changed(sites.nodes[1], lying)
        events: list[dict[str, Any]] = []
        found = fits(sites, tmp_path / name / "lying", events)[0]
        (refused,) = [event for event in events if event["event"] == "refused"]
        assert refused["site"] == "north"
        assert "its sums are those of no numbers" in refused["why"]
        scales.append((found.target_scale, honest.target_scale))
    assert scales[0][0] == scales[1][0]  # nothing of the site that was refused is in it
    assert scales[0][1] != scales[1][1]


def question_of_a_fit(**query: Any) -> Message:
    facts = {"version": __version__, "study": {"data": "own"}, "seed": 0, "about": "features"}
    facts |= {"task": "binary", "start": 3, "part": "training"}
    return pack("fit", {**facts, "query": query})


def test_only_training_samples_are_told_of(tmp_path: Path) -> None:
    frame = patients()
    own = session(tmp_path, "north", frame)
    raw = own.settings.samples
    assert isinstance(raw.x, Table)
    told = own.handle(question_of_a_fit(stage="columns")).facts["answer"]
    parts = parts_of(raw, 3, seed=0, validation=0.1, test=0.2)
    assert told["columns"][0]["rows"] == len(parts.train) < len(raw)
    raw.x.column("sort").values[np.concatenate([parts.validation, parts.test])] = "planted"
    again = own.handle(question_of_a_fit(stage="columns")).facts["answer"]
    assert again == told
    kept = (tmp_path / "state" / "north" / "told.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["told"] for line in kept] == [told, told]


def test_a_site_that_hides_its_columns_takes_what_the_others_gave(tmp_path: Path) -> None:
    frame = patients()
    study = make_study(STUDY | {"data": "own", "rounds": 1})
    prepare(study, tmp_path / "network", sites=4)
    events: list[dict[str, Any]] = []
    hiding = {"reveal_columns": False}
    sites = grid(tmp_path, frame, north=hiding)
    run_study(sites, tmp_path / "network", QUICK, events.append)
    assert [e["answers"] for e in events if e["event"] == "round"] == [4]
    roster = read_sites(tmp_path / "network")
    rows = {plan["rows"] for plan in roster.fitted["0"]["plan"]}
    assert rows == {sum(p.train for p in roster.places if p is not None and p.name != "north")}
    assert not (tmp_path / "state" / "north" / "told.jsonl").exists()
    prepare(study, tmp_path / "nobody", sites=4)
    everybody = grid(tmp_path, frame, **dict.fromkeys(SITES, hiding))
    with pytest.raises(InputError, match="No site tells anything of its columns"):
        run_study(everybody, tmp_path / "nobody", QUICK, events.append)


def changed(usual: Node, change: Callable[[Message], Message | None]) -> Node:
    """A node whose answers are changed; None: it has none."""

    def answer(message: FlowerMessage) -> FlowerMessage | None:
        reply = usual(message)
        found = change(Message.of(unwrap(reply)))
        return None if found is None else FlowerMessage(wrap(found.frames()), reply_to=message)

    return answer


LIES: list[tuple[str, str, Callable[[dict[str, Any]], Any]]] = [
    ("columns", "it has other columns", lambda told: told.pop()),
    ("columns", "cannot be read", lambda told: told[0].update(rows=-1)),
    ("columns", "other cells than there are", lambda told: told[0].update(numbers=10**9)),
    ("columns", "other cells than there are", lambda told: told[0].update(rows=10**9)),
    ("columns", "more values than", lambda told: told[2].update(example="x" * 10**6)),
    ("columns", "the range of column 'age' is none", lambda told: told[0].update(low=1e9)),
    ("totals", "of other columns than it was asked", lambda told: told.pop("age")),
    ("totals", "the sums of column 'age'", lambda told: told["age"].update(total=10**30)),
    ("totals", "the sums of column 'smokes'", lambda told: told["smokes"].update(total=10**6)),
    ("totals", "the sums of column 'sort'", lambda told: told["sort"].update(count=10**6)),
    ("histograms", "other histograms", lambda told: told.pop("age")),
]


@pytest.mark.parametrize(
    ("part", "words", "lie"),
    [
        pytest.param(*lie, marks=[] if row % 3 == 0 else pytest.mark.slow)
        for row, lie in enumerate(LIES)  # every third is quick enough for every day
    ],
)
def test_a_site_that_tells_what_cannot_be_is_refused_by_name(
    tmp_path: Path, part: str, words: str, lie: Callable[[Any], Any]
) -> None:
    frame = patients()
    sites = grid(tmp_path, frame)

    def lying(answer: Message) -> Message:
        if (told := answer.facts.get("answer", {}).get(part)) is not None and len(told):
            lie(told)
        return answer

    sites.nodes[1] = changed(sites.nodes[1], lying)
    events: list[dict[str, Any]] = []
    found = fitted(sites, tmp_path, events, scale="robust")[0]
    (refused,) = [event for event in events if event["event"] == "refused"]
    assert refused["site"] == "north"
    assert words in refused["why"]
    own = read(frame[frame["hospital"] != "north"], client="hospital", **COLUMNS)
    assert isinstance(found, TablePreprocessing)
    assert found.plan[0].rows < len(own)


def test_a_site_that_goes_away_while_it_is_fitted(tmp_path: Path) -> None:
    sites = grid(tmp_path, patients())
    heard: list[str] = []

    def once(answer: Message) -> Message | None:
        if answer.verb == "fit":
            heard.append(answer.verb)
        return None if len(heard) == 2 and answer.verb == "fit" else answer

    sites.nodes[1] = changed(sites.nodes[1], once)
    events: list[dict[str, Any]] = []
    slow = replace(QUICK, deadline=0.3, patience=600.0)
    found = fitted(sites, tmp_path, events, slow)
    said = [event["text"] for event in events if event["event"] == "remark"]
    assert any(text == "The preprocessing is fitted anew: north did not answer." for text in said)
    assert len(heard) == 6
    assert found[0] == fitted(grid(tmp_path, patients()), tmp_path / "whole", [])[0]


def test_who_comes_late_is_prepared_as_the_others_or_refused(tmp_path: Path) -> None:
    frame = patients()
    early = grid(tmp_path, frame)
    nodes = {i: early.nodes[i] for i in (0, 1)}
    odd = frame.assign(outcome="unheard of")
    columns = frame.drop(columns="age")
    late = {
        5: site(session(tmp_path / "late", "west 9", frame).settings),
        6: site(session(tmp_path / "odd", "west 10", odd).settings),
        7: site(session(tmp_path / "columns", "west 10", columns).settings),
    }
    study = make_study(STUDY | {"data": "own", "rounds": 3, "methods": "fedavg"})
    prepare(study, tmp_path / "n", sites=3)
    events: list[dict[str, Any]] = []
    here = InProcessGrid(nodes)

    def on_event(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "round" and event["t"] == 1:
            here.nodes.update(late)

    run_study(here, tmp_path / "n", QUICK, on_event)
    assert [event["answers"] for event in events if event["event"] == "round"] == [2, 3, 3]
    why = [event["why"] for event in events if event["event"] == "refused"]
    assert any("class 'unheard of', but the study's classes are 'ill', 'well'" in w for w in why)
    assert any("lacks the column 'age'" in w for w in why)
    (said,) = [event for event in events if event["event"] == "prepared"]
    assert ["age", "number"] in [row[:2] for row in said["columns"]]


def test_server_and_site_show_the_columns_to_their_people(tmp_path: Path) -> None:
    said: list[tuple[str, dict[str, Any]]] = []
    own = session(tmp_path, "north", patients())
    alone = Session(own.settings, lambda name, **more: said.append((name, more)))
    nodes = {0: node(alone.handle), 1: site(session(tmp_path, "east", patients()).settings)}
    events: list[dict[str, Any]] = []
    prepare(make_study(STUDY | {"data": "own", "rounds": 1}), tmp_path / "n", sites=2)
    run_study(InProcessGrid(nodes), tmp_path / "n", QUICK, events.append)
    told = [more["text"] for name, more in said if name == "told"]
    assert [text.partition(",")[0] for text in told] == [
        "Told the server counts",
        "Told the server sums and sums of squares of each feature",
    ]
    (prepared,) = [more["texts"] for name, more in said if name == "prepared"]
    assert prepared[0] == "Asked of each sample: yes or no (binary): ill, well."
    assert prepared[1].startswith("Column age: number (numbers); minus mean")
    console = Console(width=160, record=True, force_terminal=False)
    view = FederationProgress(console, "study")
    for event in events:
        view.tell(event)
    text = console.export_text()
    assert "Asked of each sample: yes or no (binary): ill, well." in text
    for column in ("age", "cells", "sort", "smokes", "day"):
        assert re.search(rf"^{column} ", text, re.MULTILINE)
