"""Sites that keep their accuracy to themselves: nothing of it travels, and the study goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from network_grid import InProcessGrid
from site_files import QUICK, STUDY, blobs, site
from small_studies import SMALL
from unalike.api.result import Result, read_result
from unalike.cli.comparison_table import ComparisonTable
from unalike.data.reading.raw_samples import read_raw
from unalike.network.protocol.flower_message import unwrap
from unalike.network.protocol.messages import Message
from unalike.network.server.study import prepare, run_study
from unalike.network.site.site_settings import SiteSettings
from unalike.results.verdict import judge
from unalike.study.settings import make_study

Events = list[dict[str, Any]]


def run_over_network(
    folder: Path, hiding: set[str], **settings: Any
) -> tuple[Result, InProcessGrid, Events]:
    grid, events = InProcessGrid(), Events()
    for i, name in enumerate(("east", "north", "west")):
        one = SiteSettings(
            name,
            folder / name,
            read_raw(blobs(30 + i, i)),
            reveal_scores=name not in hiding,
        )
        grid.nodes[i] = site(one)
    study = make_study(STUDY | settings)
    prepare(study, folder / "study", sites=3)
    run_study(grid, folder / "study", QUICK, events.append)
    return read_result(folder / "study"), grid, events


def answers(grid: InProcessGrid, at: int, verb: str) -> list[Message]:
    replies = [reply for where, _, reply in grid.log if where == at and reply is not None]
    messages = [Message.of(unwrap(reply)) for reply in replies]
    return [message for message in messages if message.verb == verb]


def evaluations(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "study/runs/fedavg/seed-0/metrics.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["evaluation"] for line in lines]


def shown(result: Result) -> str:
    console = Console(width=140)
    with console.capture() as captured:
        console.print(ComparisonTable(result))
    return captured.get()


def test_no_number_travels_and_the_others_are_averaged(tmp_path: Path) -> None:
    result, grid, events = run_over_network(tmp_path, {"north"})
    hidden = answers(grid, 1, "evaluate")
    assert len(hidden) == 3
    for message in hidden:
        assert message.facts == {"hidden": True}
        assert message.shapes == {}
        assert len(message.body) == 0
    assert all(message.shapes for message in answers(grid, 0, "evaluate"))
    trained = answers(grid, 1, "train")
    assert len(trained) == 3
    assert all(message.shapes for message in trained)
    for measured in evaluations(tmp_path):
        assert measured["hidden"] == ["north"]
        accuracy = np.array(measured["personal"]["accuracy"])
        assert np.isnan(accuracy).tolist() == [False, True, False]
        assert np.isfinite(measured["validation"]["accuracy"])
    frame = result.frame.query("method == 'fedavg'").set_index(["client", "metric"])["value"]
    both = [frame[name, "personalised_accuracy_last"] for name in ("east", "west")]
    assert frame["all", "personalised_accuracy_mean_last"] == pytest.approx(np.mean(both))
    assert np.isnan(frame["north", "personalised_accuracy_last"])
    assert result.hidden == ("north",)
    said = "1 of 3 clients keeps its accuracy hidden (north): averages and the choice of a round"
    assert any(remark.startswith(said) for remark in result.remarks)
    done = [event for event in events if event["event"] == "round"]
    assert all(event["hidden"] == ["north"] for event in done)
    assert all(event["accuracy"].keys() == {"east", "west"} for event in done)
    assert not [event for event in events if event["event"] == "remark"]
    assert "north" in (tmp_path / "study/report.html").read_text("utf-8")


@pytest.mark.slow
def test_what_is_trained_does_not_depend_on_it(tmp_path: Path) -> None:
    for folder, hiding in ((tmp_path / "a", {"north"}), (tmp_path / "b", set())):
        grid = run_over_network(folder, hiding, methods="scaffold")[1]
        bodies = [bytes(message.body) for at in range(3) for message in answers(grid, at, "train")]
        (tmp_path / f"{folder.name}.bin").write_bytes(b"".join(bodies))
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()


@pytest.mark.slow
def test_where_nobody_tells_the_last_round_speaks(tmp_path: Path) -> None:
    result, _, events = run_over_network(
        tmp_path, {"east", "north", "west"}, methods="fedavg,fedrep"
    )
    frame = result.frame.set_index(["method", "client", "metric"]).sort_index()["value"]
    assert frame["fedavg", "all", "best_round"] == 3
    assert np.isnan(frame["fedavg", "all", "personalised_accuracy_mean_best"])
    (said,) = [remark for remark in result.remarks if "No client tells" in remark]
    assert said.endswith("the last round speaks for each run.")
    headline = judge(result).headline
    assert headline == "No client tells its accuracy, so the methods cannot be compared."
    assert headline in (tmp_path / "study/report.html").read_text("utf-8")
    table = shown(result)
    assert "traffic" in table
    assert "FedAvg" in table
    assert events[-1] == {"event": "finished"}


@pytest.mark.slow
def test_new_clients_hide_theirs_too(tmp_path: Path) -> None:
    study = make_study(SMALL | {"methods": "fedavg", "model": "logistic", "seeds": 1})
    prepare(study, tmp_path / "study")
    sites = [
        SiteSettings(f"client-{i}", tmp_path / str(i), client=i, reveal_scores=False)
        for i in range(5)
    ]
    grid = InProcessGrid({i: site(one) for i, one in enumerate(sites)})
    run_study(grid, tmp_path / "study", QUICK, lambda _: None)
    hidden = [message for at in range(5) for message in answers(grid, at, "adapt")]
    assert hidden
    assert all(message.facts == {"hidden": True} and not message.shapes for message in hidden)
    assert len(read_result(tmp_path / "study").hidden) == 5
