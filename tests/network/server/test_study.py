"""A whole study over Flower's messages: the same store and report as in a simulation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flwr.app import Message as FlowerMessage

from network_grid import InProcessGrid, Node, node
from run_records import assert_same_records, metrics
from small_studies import SMALL
from unalike import InputError, compare, resume
from unalike.api.result import read_result
from unalike.network.server.server_settings import ServerSettings
from unalike.network.server.study import prepare, run_study
from unalike.network.site.own_samples import read_own_samples
from unalike.network.site.session import Session
from unalike.network.site.site_settings import SiteSettings
from unalike.study.roster import read_sites
from unalike.study.settings import make_study

SETTINGS: dict[str, Any] = SMALL | {"methods": ("fedrep",), "model": "mlp"}
QUICK = ServerSettings(least=1, deadline=5.0, patience=0.5, grace=0.2, poll=0.01)


class Sites:
    """Sites in this process, each with a state folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sessions: dict[int, Session] = {}

    def dealt(self, clients: int) -> dict[int, Node]:
        return {
            100 + i: self.node(i, SiteSettings(f"client {i}", self.folder / str(i), client=i))
            for i in range(clients)
        }

    def node(self, key: int, settings: SiteSettings) -> Node:
        self.sessions[key] = Session(settings)
        return node(self.sessions[key].handle)


def test_a_study_over_sites_is_the_simulated_one(tmp_path: Path) -> None:
    study = make_study(SETTINGS)
    known = compare(**SETTINGS, out=tmp_path / "simulated")
    folder = tmp_path / "network"
    prepare(study, folder)
    events: list[dict[str, Any]] = []
    grid = InProcessGrid(Sites(tmp_path / "sites").dealt(5))
    run_study(grid, folder, QUICK, events.append)
    assert_same_records(metrics(tmp_path / "simulated"), metrics(folder))
    found = read_result(folder)
    assert (folder / "report.html").exists()
    assert found.names == known.names
    names = ["method", "seed", "client", "metric"]
    assert found.frame[names].equals(known.frame[names])
    timed = known.frame["metric"].str.contains("seconds|memory|global_auc")
    np.testing.assert_allclose(
        found.frame[~timed]["value"], known.frame[~timed]["value"], rtol=1e-4, atol=1e-6
    )
    done = [event for event in events if event["event"] == "round"]
    assert [(event["method"], event["t"]) for event in done] == [
        (label, t) for label in study.labels() for t in (1, 2, 3)
    ]
    assert set(done[-1]["accuracy"]) == {f"client-{i}" for i in range(5)} - set(
        np.array(found.names)[found.newcomers]
    )
    assert events[-1] == {"event": "finished"}
    again = resume(folder).frame
    pd.testing.assert_frame_equal(again, found.frame)


class Fuse:
    """Ends the server after this many answers to `train` have been given at the sites."""

    def __init__(self, training: int) -> None:
        self.left = training

    def node(self, usual: Node) -> Node:
        def answer(message: FlowerMessage) -> FlowerMessage | None:
            answered = usual(message)
            self.left -= message.metadata.message_type == "train"
            if self.left < 0:
                raise KeyboardInterrupt
            return answered

        return answer


def test_a_server_that_is_killed_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    study = make_study(SMALL | {"methods": "scaffold", "evaluate_every": 3})
    alone = replace(QUICK, baselines=False)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    prepare(study, whole)
    run_study(InProcessGrid(Sites(tmp_path / "a").dealt(5)), whole, alone, lambda _: None)
    prepare(study, broken)
    sites = tmp_path / "b"
    for training in (6, 5):
        left = Fuse(training)
        nodes = {node: left.node(usual) for node, usual in Sites(sites).dealt(5).items()}
        with pytest.raises(KeyboardInterrupt):
            run_study(InProcessGrid(nodes), broken, alone, lambda _: None)
        with pytest.raises(InputError, match="unalike serve"):
            resume(broken)
    run_study(InProcessGrid(Sites(sites).dealt(5)), broken, alone, lambda _: None)
    assert_same_records(metrics(whole), metrics(broken))


def own_samples(folder: Path, name: str, rows: int, features: int = 4, classes: int = 3) -> Path:
    rng = np.random.default_rng(len(name) + rows)
    y = np.arange(rows) % classes
    x = 0.3 * rng.normal(size=(rows, features)) + 2 * np.eye(classes, features)[y]
    path = folder / f"{name}.npz"
    np.savez(path, x=x.astype(np.float32), y=y)
    return path


def test_sites_with_samples_of_their_own(tmp_path: Path) -> None:
    study = make_study(
        {"data": "own", "model": "logistic", "methods": "fedavg", "rounds": 5, "seeds": 1}
    )
    sites, grid = Sites(tmp_path), InProcessGrid()
    for i, (name, rows) in enumerate((("north", 40), ("east", 30), ("west", 25))):
        samples = read_own_samples(own_samples(tmp_path, name, rows))
        hides = name == "west"
        settings = SiteSettings(name, tmp_path / f"state {name}", samples, reveal_classes=not hides)
        grid.nodes[i] = sites.node(i, settings)
    odd = SiteSettings(
        "odd", tmp_path / "state odd", read_own_samples(own_samples(tmp_path, "o", 30, 5))
    )
    grid.nodes[8] = sites.node(8, odd)
    twin = SiteSettings("east", tmp_path / "state twin", read_own_samples(tmp_path / "east.npz"))
    grid.nodes[9] = sites.node(9, twin)
    folder = tmp_path / "study"
    prepare(study, folder, sites=4)
    events: list[dict[str, Any]] = []
    run_study(grid, folder, QUICK, events.append)
    refused = {event["site"]: event["why"] for event in events if event["event"] == "refused"}
    assert "shape [5]" in refused["odd"]
    assert "--name" in refused["east"]
    assert "shape [5]" in (sites.sessions[8].refused or "")
    assert sites.sessions[0].refused is None
    result = read_result(folder)
    assert result.names == ("east", "north", "west", "place 4, empty")
    last = metrics(folder)["runs/fedavg/seed-0"][-1]
    assert last["answers"] == 3
    assert last["dropped"] == ["place 4"]
    accuracy = last["evaluation"]["personal"]["accuracy"]
    assert all(value > 0.6 for value in accuracy[:3])
    assert np.isnan(accuracy[3])
    assert np.isnan(last["evaluation"]["personal"]["balanced_accuracy"][2])
    assert result.label_counts.sum(1).tolist() == [30, 40, 0, 0]
    assert (folder / "report.html").stat().st_size > 10_000
    assert resume(folder).names == result.names


def test_a_site_that_claims_too_much_weighs_like_ten_and_it_is_said(tmp_path: Path) -> None:
    study = make_study(
        {"data": "own", "model": "logistic", "methods": "fedavg", "rounds": 1, "seeds": 1}
    )
    weights = {}
    for ratio in (10.0, 0.0):
        sites, grid = Sites(tmp_path / f"{ratio}"), InProcessGrid()
        (tmp_path / f"{ratio}").mkdir()
        for name, rows in (("a", 12), ("b", 10), ("c", 900)):
            grid.nodes[rows] = own_site(sites, tmp_path / f"{ratio}", name, rows)
        events: list[dict[str, Any]] = []
        folder = tmp_path / f"{ratio}" / "study"
        prepare(study, folder, sites=3)
        settings = replace(QUICK, max_size_ratio=ratio, baselines=False)
        run_study(grid, folder, settings, events.append)
        said = [event["text"] for event in events if event["event"] == "remark"]
        claims = [text for text in said if "--max-size-ratio" in text]
        assert len(claims) == (ratio > 0)
        assert all(text.startswith("c tells of ") for text in claims)
        page = (folder / "report.html").read_text("utf-8")
        assert "not finished" not in page
        assert "dirichlet split" not in page
        assert "unalike serve study.toml" in page
        assert '"local"' not in (folder / "summary.csv").read_text()
        weights[ratio] = metrics(folder)["runs/fedavg/seed-0"][-1]["evaluation"]
    assert weights[10.0] != weights[0.0]


def own_site(sites: Sites, folder: Path, name: str, rows: int) -> Node:
    samples = read_own_samples(own_samples(folder, name, rows))
    return sites.node(rows, SiteSettings(name, folder / name, samples))


def test_a_site_that_comes_late_takes_its_place(tmp_path: Path) -> None:
    study = make_study(
        {"data": "own", "model": "logistic", "methods": "scaffold", "rounds": 4, "seeds": 1}
    )
    sites, events = Sites(tmp_path), []
    first = {1: own_site(sites, tmp_path, "north", 40), 2: own_site(sites, tmp_path, "south", 20)}
    grid, folder = InProcessGrid(first), tmp_path / "study"
    prepare(study, folder, sites=3)

    def on_event(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "round" and event["t"] == 2:
            grid.nodes[3] = own_site(sites, tmp_path, "late", 60)

    run_study(grid, folder, replace(QUICK, baselines=False), on_event)
    done = [event for event in events if event["event"] == "round"]
    assert [event["answers"] for event in done] == [2, 2, 3, 3]
    assert [event["dropped"] for event in done] == [["place 3"], ["place 3"], [], []]
    assert done[-1]["accuracy"].keys() == {"north", "south", "late"}
    roster = read_sites(folder)
    assert [site and site.name for site in roster.places] == ["north", "south", "late"]
    assert roster.federation().train.sizes.tolist() == [28, 14, 42]
    run_study(InProcessGrid(), folder, replace(QUICK, baselines=False), events.append)
    assert events[-1] == {"event": "finished"}


def test_places_are_in_the_order_of_names_and_kept_for_those_who_return(tmp_path: Path) -> None:
    study = make_study({"data": "own", "methods": "local", "rounds": 1, "seeds": 1})
    sites, folder = Sites(tmp_path), tmp_path / "study"
    prepare(study, folder, sites=3)
    names = {"c": 30, "a": 40, "b": 50}
    nodes = {rows: own_site(sites, tmp_path, name, rows) for name, rows in names.items()}
    for round_trip in (nodes, dict(reversed(nodes.items()))):
        run_study(InProcessGrid(round_trip), folder, replace(QUICK, baselines=False), print)
        roster = read_sites(folder)
        assert [site and site.name for site in roster.places] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("settings", "sites", "why"),
    [
        ({"methods": "centralised"}, 0, "centralised cannot be run over a network"),
        ({"data": "own"}, 0, "Say how many sites are expected"),
        ({"clients": 5}, 3, "deals 'digits' to 5 clients"),
        ({"data": "mnist", "official_test": True}, 0, "official_test"),
    ],
)
def test_studies_that_have_no_meaning_over_a_network(
    tmp_path: Path, settings: dict[str, Any], sites: int, why: str
) -> None:
    with pytest.raises(InputError, match=why):
        prepare(make_study({"seeds": 1} | settings), tmp_path / "study", sites=sites)
    assert not (tmp_path / "study").exists()


def test_what_needs_all_samples_is_left_out_aloud(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    settings = {"methods": "centralised,fedavg", "seeds": 1, "clients": 5}
    prepare(make_study(settings), tmp_path / "study", on_event=events.append)
    assert "centralised is left out: it needs the samples" in events[0]["text"]
    study = (tmp_path / "study" / "study.toml").read_text("utf-8")
    assert "centralised" not in study
    (tmp_path / "study" / "sites.json").unlink()
    with pytest.raises(InputError, match="holds no study over a network"):
        run_study(InProcessGrid(), tmp_path / "study", QUICK, events.append)


def test_sites_of_the_other_kind_are_refused(tmp_path: Path) -> None:
    sites, events = Sites(tmp_path), []
    own = own_site(sites, tmp_path, "own", 30)
    beyond = sites.node(1, SiteSettings("beyond", tmp_path / "beyond", client=5))
    prepare(make_study({"seeds": 1, "clients": 5}), tmp_path / "study")
    with pytest.raises(InputError, match="Only 0 of 5 sites"):
        run_study(InProcessGrid({1: own, 2: beyond}), tmp_path / "study", QUICK, events.append)
    why = {event["site"]: event["why"] for event in events if event["event"] == "refused"}
    assert "deals 'digits' to its sites: join with --client" in why["own"]
    assert "There is no client 5: the study has 0 to 4" in why["beyond"]


@pytest.mark.slow
def test_a_method_that_does_not_suit_the_model_is_left_out_aloud(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    study = make_study(
        {"data": "own", "methods": "ifca,fedavg", "model": "logistic", "rounds": 1, "seeds": 2}
        | {"settings": {"ifca": {"clusters": 3}}}
    )
    sites, folder = Sites(tmp_path), tmp_path / "study"
    prepare(study, folder, sites=2)
    nodes = {i: own_site(sites, tmp_path, name, 30 + i) for i, name in enumerate("ab")}
    run_study(InProcessGrid(nodes), folder, QUICK, events.append)
    (said,) = [event["text"] for event in events if event["event"] == "remark"]
    assert said.startswith("ifca is left out: ifca: clusters = 3 is more than the 2 clients")
    done = [(event["method"], event["seed"]) for event in events if event["event"] == "round"]
    assert done == [("local", 0), ("fedavg", 0), ("local", 1), ("fedavg", 1)]
    run_study(InProcessGrid(nodes), folder, QUICK, events.append)
    assert events[-1] == {"event": "finished"}
    alone = study.model_copy(update={"methods": ("ifca",)})
    prepare(alone, tmp_path / "alone", sites=2)
    with pytest.raises(InputError, match="ifca: clusters = 3"):
        run_study(InProcessGrid(nodes), tmp_path / "alone", replace(QUICK, baselines=False), print)
