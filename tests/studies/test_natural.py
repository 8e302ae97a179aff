"""The page of examples/natural.py: means, gains seed by seed, and who is harmed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from natural import PLANS
from natural_page import Federation, write_page

from unalike.data import SOURCES
from unalike.tasks import TASKS

ALONE = {"a": 0.5, "b": 0.8}


def seed(gain: dict[str, float], by: float = 0.0) -> dict[str, Any]:
    """Two clients; `gain` of the advised method over Local, everything raised by `by`."""
    local = {client: value + by for client, value in ALONE.items()}
    advised = {client: local[client] + gain[client] for client in local}
    return {
        "task": "binary",
        "measure": "accuracy",
        "model": "logistic",
        "clients": 2,
        "samples": 100,
        "advised": "ditto",
        "plan": {"rounds": 8, "folds": 2, "methods": None},
        "cpu_minutes": 0.1,
        "scores": {"local": local, "fedavg": local, "finetuning": local, "advised": advised},
    }


@pytest.mark.parametrize("task", TASKS)
def test_scores_of_every_task_can_be_shown(task: str) -> None:
    main = TASKS[task].of(2, (2,)).main.name
    row = Federation("one", [{**seed({"a": 0.1, "b": 0.1}), "task": task, "measure": main}]).row()
    assert row.startswith("| one | ")


def test_every_set_is_natural() -> None:
    assert all(SOURCES[name].natural for name in PLANS)


def test_gains_are_taken_seed_by_seed() -> None:
    """The same gain in seeds far apart has no spread; accuracies have a wide interval."""
    same = {"a": 0.1, "b": 0.1}
    found = Federation("one", [seed(same), seed(same, by=0.1)])
    cells = [cell.strip() for cell in found.row().split("|")]
    assert cells[3].startswith("70.0 [")
    assert "[70.0" not in cells[3]
    assert cells[7] == "+10.0"


def test_harm_is_judged_on_the_mean_over_seeds() -> None:
    """Worse in one seed and better by more in the other is no harm; what chance leaves is said."""
    found = Federation("one", [seed({"a": -0.1, "b": -0.2}), seed({"a": 0.2, "b": -0.21})])
    assert found.harmed("advised") == "1 of 2, 1 for sure: b"
    unsure = Federation("one", [seed({"a": -0.3, "b": 0.0}), seed({"a": 0.2, "b": 0.0})])
    assert unsure.harmed("advised") == "1 of 2, 0 for sure: a"


def test_the_page_says_what_is_missing_and_where_the_advice_was_worse(tmp_path: Path) -> None:
    worse = seed({"a": -0.1, "b": -0.1})
    (tmp_path / "schools-0.json").write_text(json.dumps(worse))
    (tmp_path / "hsb82-0.json").write_text(json.dumps({"error": "the file is not here."}))
    page = tmp_path / "page.md"
    write_page(page, tmp_path, ["schools", "hsb82", "guimmun"], 2)
    text = page.read_text()
    assert "the advised method was worse than Local on: schools (-10.0)." in text
    assert "Of 6 runs planned, 2 seeds each, 1 are done" in text
    assert "Not measured: the file is not here." in text
    assert "## guimmun\n\nNot measured: not run yet." in text
