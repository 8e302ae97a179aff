"""The tutorial on a method of one's own, in an empty folder outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pages import ROOT, blocks_of

PAGE = ROOT / "docs" / "tutorials" / "your-own-method.md"


def carried_out(command: list[str], folder: Path) -> str:
    """What a command prints that ends well."""
    paths = os.pathsep.join([str(ROOT / "src"), str(folder)])
    ended = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths, "PYTEST_ADDOPTS": "-p no:cacheprovider"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, f"{command}: {ended.stdout}\n{ended.stderr}"
    return ended.stdout + ended.stderr


@pytest.mark.slow
def test_the_page_is_true(tmp_path: Path) -> None:
    printed = []
    for block in blocks_of(PAGE):
        if block.mark != "run by":
            continue
        if block.language == "toml":
            (tmp_path / "study.toml").write_text(block.text)
            continue
        if block.language == "python":
            command = [sys.executable, "-c", block.text]
        else:
            words = block.text.split()
            prefix = [sys.executable, *(["-m"] if words[0] == "unalike" else [])]
            command = [*prefix, *(words[1:] if words[0] == "python" else words)]
        printed.append(carried_out(command, tmp_path))
    new, tests, laws, compared, from_python = printed
    assert "half_step.py is the method" in new
    assert " passed" in tests
    assert " failed" not in tests
    assert laws.strip() == ""
    assert "Half step" in compared
    assert "half-step-server_lr=0.9" in from_python
    summary = pd.read_csv(tmp_path / "first" / "summary.csv")
    assert set(summary["method"]) == {"local", "fedavg", "half-step"}
    from unalike.study.settings import read_study

    study = read_study(tmp_path / "study.toml")
    assert study.settings["half-step"] == {"server_lr": 0.5}
    assert study.plugins == (str(tmp_path / "half_step.py"),)
