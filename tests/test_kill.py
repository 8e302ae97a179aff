"""A study killed at any instant, then resumed, ends in the same numbers as one never stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from process_groups import group_is_gone
from small_studies import SMALL, comparable, options
from unalike.results.summary import read_summary
from unalike.study.files import read_metadata

SETTINGS = {
    **SMALL,
    "rounds": 40,
    "methods": "fedavg,scaffold",
    "evaluate_every": 10,
    "local_steps": 3,
    "lr_schedule": "exponential:rate=0.97",
    "slow_clients": 0.3,
}


def command(*arguments: object) -> list[str]:
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    run = f"{heard}; from unalike.cli.main import main; main()"  # a background process ignores it
    return [sys.executable, "-c", run, *map(str, arguments)]


def summary(folder: Path) -> pd.DataFrame:
    return comparable(read_summary(folder / "summary.csv"))


def models(folder: Path) -> dict[str, Any]:
    """What every run has kept to predict with: its description, and a digest of the numbers."""
    paths = folder.rglob("model.*")
    found = {str(path.relative_to(folder)): read_metadata(path) for path in paths}
    assert len(found) >= 3, "each run keeps its best round"
    return found


class Whole(NamedTuple):
    summary: pd.DataFrame
    models: dict[str, Any]


@pytest.fixture(scope="module")
def never_stopped(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole") / "study"
    arguments = ["compare", *options(SETTINGS), "--jobs", 1, "--out", folder]
    subprocess.run(command(*arguments), check=True, capture_output=True)
    return Whole(summary(folder), models(folder))


@pytest.mark.parametrize(
    ("lines", "jobs"),
    [
        (1, 1),
        pytest.param(25, 1, marks=pytest.mark.slow),
        pytest.param(55, 2, marks=pytest.mark.slow),
    ],
)
def test_kill_and_resume(lines: int, jobs: int, never_stopped: Whole, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    arguments = ["compare", *options(SETTINGS), "--jobs", jobs, "--out", folder]
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while _rounds_done(folder) < lines and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "summary.csv").exists(), "the study was over before it could be killed"

    subprocess.run(
        command("resume", folder, "--jobs", jobs), check=True, capture_output=True, timeout=900
    )
    pd.testing.assert_frame_equal(summary(folder), never_stopped.summary, check_exact=True)
    assert models(folder) == never_stopped.models


@pytest.mark.slow
def test_an_interrupt_ends_everything(never_stopped: Whole, tmp_path: Path) -> None:
    """Ctrl-C goes to the command and to its workers: one sentence, and nobody is left."""
    folder = tmp_path / "study"
    arguments = ["compare", *options(SETTINGS), "--jobs", 2, "--out", folder]
    process = subprocess.Popen(
        command(*arguments), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while _rounds_done(folder) < 4 and process.poll() is None:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert f"What is done is kept: go on with 'unalike resume {folder}'" in said
    assert "Traceback" not in said
    assert group_is_gone(process.pid)
    assert not [path for path in folder.rglob("*") if path.name.startswith(("progress", "stop"))]
    subprocess.run(command("resume", folder, "--jobs", 1), check=True, capture_output=True)
    pd.testing.assert_frame_equal(summary(folder), never_stopped.summary, check_exact=True)


def _rounds_done(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.rglob("metrics.jsonl"))
