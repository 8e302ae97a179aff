"""A method from a file at both ends of a real federation, by the commands that people type.

Three sites: one without the file, one with another version of it, one with it. The same federation
shows what a site has when all is over: its model, which predicts, and a report of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tomli_w

from plugin_files import METHOD, written
from site_files import blobs, table
from unalike.network.deployment.ports import free_port

pytestmark = pytest.mark.slow

LONGEST = 900.0
"""Seconds that anything may take on a busy machine."""
STUDY: dict[str, Any] = {
    "data": "own",
    "model": "logistic",
    "methods": ["halfway"],
    "rounds": 2,
    "seeds": 1,
    "evaluate_every": 1,
}
SITES = ("without_it", "another_version", "with_it")


Federation = tuple[Path, dict[str, tuple[int, str]]]
"""The folder of everything, and of each command its exit code and what it said."""


def _start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "unalike", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "COLUMNS": "400"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    home = tmp_path_factory.mktemp("plugin")
    here = {name: home / name for name in ("server", *SITES)}
    for at, folder in enumerate(here.values()):
        folder.mkdir()
        if folder.name != "without_it":
            more = "# newer\n" if folder.name == "another_version" else ""
            written(folder, "mine", METHOD + more)
        table(*blobs(60, at)).to_csv(folder / "patients.csv", index=False)
    (here["server"] / "study.toml").write_text(tomli_w.dumps(STUDY))
    address = f"127.0.0.1:{free_port()}"
    plugin = ("--plugin", "mine.py")
    running, ended = {}, {}

    def wait(name: str) -> None:
        said = running[name].communicate(timeout=LONGEST)[0]
        ended[name] = running[name].returncode, " ".join(said.split())

    try:
        running["server"] = _start(
            here["server"],
            *("serve", "study.toml", "--listen", address, "--sites", 3, "--least", 1),
            *("--grace", 1, "--deadline", LONGEST, "--patience", LONGEST, "--no-baselines"),
            *plugin,
        )
        for name in SITES:
            running[name] = _start(
                here[name],
                *("join", address, "--yes", "--data", "patients.csv", "--label-column", "grade"),
                *("--name", name, "--one-process"),
                *(() if name == "without_it" else plugin),
            )
            wait(name)
        wait("server")
        yield home, ended
    finally:
        for process in running.values():
            process.terminate()


def test_the_method_of_the_file_is_trained(federation: Federation) -> None:
    home, ended = federation
    assert ended["server"][0] == 0, ended["server"][1]
    metrics = home / "server/runs/study-network/runs/halfway/seed-0/metrics.jsonl"
    assert len(metrics.read_text().splitlines()) == STUDY["rounds"]
    assert ended["with_it"][0] == 0, ended["with_it"][1]


def test_a_site_without_the_file_is_refused(federation: Federation) -> None:
    code, said = federation[1]["without_it"]
    assert code == 2, said
    assert "uses the plugin 'mine', which this site has not: install it and join with" in said
    assert "Traceback" not in said


def test_a_site_with_another_version_is_refused(federation: Federation) -> None:
    code, said = federation[1]["another_version"]
    assert code == 2, said
    assert "The plugin 'mine' is sha256:" in said
    assert "install the same" in said


def test_a_site_has_its_model_and_its_report(federation: Federation) -> None:
    home, ended = federation
    site, said = home / "with_it", ended["with_it"][1]
    model = site / "unalike-with_it/models/halfway-seed-0.safetensors"
    assert "the model of round" in said
    assert "What this site sent, and how it fared: unalike-with_it/report.html" in said
    assert "with_it, and how it fared" in (site / "unalike-with_it/report.html").read_text()
    without = _start(site, "predict", model, "patients.csv").communicate(timeout=LONGEST)[0]
    assert "was trained by the method 'halfway', which is not here" in " ".join(without.split())
    predicting = _start(site, "predict", model, "patients.csv", "--plugin", "mine.py")
    said = predicting.communicate(timeout=LONGEST)[0]
    assert predicting.returncode == 0, said
    found = pd.read_csv(site / "predictions.csv")["prediction"]
    assert (found == table(*blobs(60, 1))["grade"]).mean() > 0.5
