"""`unalike advise`: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from command_line import unalike
from unlike_worlds import world

Output = pytest.CaptureFixture[str]
QUICK = ["--rounds", 2, "--folds", 2, "--seeds", 1, "--methods", "fedper", "--batch-size", 64,
         "--jobs", 1]  # fmt: skip


def mine(folder: Path) -> Path:
    given = world(0, samples=200, clients=4, label=0.3)
    path = folder / "mine.npz"
    hospital = np.array(["north", "<b>south</b>", "west", "east"])[given.client]
    np.savez(path, x=given.x, y=given.y, hospital=hospital)
    return path


@pytest.mark.slow
def test_own_data(tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "a"
    options = ["--data", mine(tmp_path), "--client-column", "hospital", *QUICK, "--out", out]
    assert unalike("advise", *options) == 0
    printed = capsys.readouterr().out
    whole = json.loads((out / "advice.json").read_text())
    assert " ".join(whole["headline"].split()) in " ".join(printed.split())
    assert "No test sample takes part" in printed
    assert "gradients of samples" in printed
    assert "<b>south" not in (out / "advice.html").read_text()
    before = (out / "advice.json").read_bytes()
    assert unalike("advise", *options) == 0
    assert (out / "advice.json").read_bytes() == before


@pytest.mark.slow
def test_a_named_data_set(tmp_path: Path) -> None:
    options = ["--data", "digits", "--clients", 4, "--split", "iid", "--skew", "swap:pairs=5",
               "--model", "logistic"]  # fmt: skip
    assert unalike("advise", *options, *QUICK, "--out", tmp_path / "a") == 0
    whole = json.loads((tmp_path / "a" / "advice.json").read_text())
    assert "fedper" in whole["unfit"]
    assert "concept" in whole["diagnosis"]["found"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data", "digit"], "digits"),
        (["--clients", 3, "--budget", 5], "too small"),
        (["--data", "nowhere.npz"], "nowhere.npz"),
    ],
)
def test_refusals(options: list[object], words: str, tmp_path: Path, capsys: Output) -> None:
    assert unalike("advise", *options, *QUICK, "--out", tmp_path / "a") == 2
    assert words in capsys.readouterr().err
