"""Better predictions win in every task: table, verdict, harm, gains, QoI and the page say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from task_samples import MAKERS
from unalike.data import Federation
from unalike.report.comparison_page import render_report
from unalike.results.columns import columns_of
from unalike.results.comparison import Comparison, gather
from unalike.results.table import as_frame
from unalike.results.verdict import judge
from unalike.study.evaluate import as_lists, of_first_group
from unalike.study.settings import make_study
from unalike.tasks import Task

CLIENTS = 5
SKILL = {"local": 1.0, "fedavg": 0.3, "ditto": 1.8}
SIZE = 80


def scored(task: Task, name: str, skill: float, seed: int, groups: int) -> dict[str, Any]:
    """Scores of predictions of this skill for groups of samples."""
    _, output, truth = MAKERS[name](SIZE * groups, skill, seed)
    reduced = task.reduced(torch.from_numpy(output), torch.from_numpy(truth)).numpy()
    sums = task.counts(reduced, truth, np.ones(len(truth)), np.full(groups, SIZE), addable=False)
    return task.scores(sums)


def made(name: str, folder: Path) -> Comparison:
    """A study in which Ditto predicts well, Local less so and FedAvg badly."""
    _, _, truth = MAKERS[name](SIZE * CLIENTS, 1.0, 0)
    owner = np.repeat([f"site {i}" for i in range(CLIENTS)], SIZE)
    x = np.zeros((len(truth), *(truth.shape[1:] if name == "sequence" else (2,))))
    held = Federation.from_arrays(x, truth, owner, task=name)
    study = make_study({"data": "own", "methods": ["ditto"], "rounds": 2, "seeds": 2})
    for label, skill in SKILL.items():
        for seed in range(2):
            place = folder / "runs" / label / f"seed-{seed}"
            place.mkdir(parents=True)
            lines = []
            for t, quality in ((1, skill), (2, skill / 10)):
                found = as_lists(scored(held.task, name, quality, 7 * seed + t, CLIENTS))
                whole = of_first_group(scored(held.task, name, quality, seed + t, 1))
                record = {"round": t, "bytes_down": 1, "bytes_up": 1, "gradients": 1}
                record |= {"train_seconds": 1.0, "peak_memory_bytes": 1}
                record["evaluation"] = {"personal": found, "validation": whole, "global": whole}
                lines.append(json.dumps(record))
            (place / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return gather(study, folder, [held, held], [], {"unalike": "0"})


@pytest.mark.parametrize("name", MAKERS)
def test_the_able_method_wins_and_the_other_harms(name: str, tmp_path: Path) -> None:
    comparison = made(name, tmp_path)
    main = comparison.task.main
    table, verdict = as_frame(comparison), judge(comparison)
    assert list(table.index) == ["ditto", "local", "fedavg"]
    assert verdict.best == "ditto"
    assert table["round"]["ditto"] == 1
    assert all(interval.mean > 0 for interval in verdict.contrasts.values())
    assert verdict.harmed["ditto"].share.mean == 0
    assert verdict.harmed["fedavg"].share.mean > 0.5
    assert table.gain["ditto"] > 0 > table.gain["fedavg"]
    assert table.qoi["ditto"] > 0
    worst = table.worst["ditto"], table.personalised["ditto"]
    assert main.gain(worst[1], worst[0]) > 0
    top = table["global"].max() if main.higher_is_better else table["global"].min()
    assert table["global"]["ditto"] == top
    wins = {column.key: column.wins for column in columns_of(comparison.task)}
    assert wins["personalised"] == wins["worst"] == ("high" if main.higher_is_better else "low")
    text = str(verdict)
    assert (
        f"has the best personalised {main.title}, {main.text(table.personalised['ditto'])}" in text
    )
    assert (
        f"Against Local, the runner-up: {main.gain_text(verdict.contrasts['local'].mean)}" in text
    )
    last = judge(comparison, "last")
    assert last.contrasts["local"].mean != verdict.contrasts["local"].mean


@pytest.mark.parametrize("name", ["regression", "survival"])
def test_the_page_speaks_of_the_tasks_own_measures(name: str, tmp_path: Path) -> None:
    comparison = made(name, tmp_path)
    page = render_report(comparison).split("plotly.js v")[0]
    main = comparison.task.main
    assert main.meaning in page
    assert f"Personalised {main.title}" in page
    assert "ccuracy" not in page


def test_gains_of_errors_are_said_as_lower(tmp_path: Path) -> None:
    text = str(judge(made("regression", tmp_path)))
    assert "Against Local, the runner-up: RMSE " in text
    assert " lower (95 % interval " in text
    assert "points" not in text
