"""The command line: what it prints, what it refuses, and how it ends."""

import doctest
import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from command_line import unalike
from small_studies import SMALL, options
from unalike.cli import options as shared
from unalike.cli.compare import Comparison
from unalike.cli.main import app
from unalike.cli.network.join import Answers
from unalike.cli.options import HeldOut, Partition, Training
from unalike.methods import METHODS
from unalike.study.settings import Study

Output = pytest.CaptureFixture[str]


def small(folder: Path, *more: object) -> int:
    return unalike("compare", "--methods", "fedavg", *options(SMALL), "--out", folder, *more)


def test_compare_leaves_a_whole_study(tmp_path: Path, capsys: Output) -> None:
    assert small(tmp_path / "s", "--jobs", 1) == 0
    printed = capsys.readouterr().out
    assert "FedAvg" in printed
    assert "report.html" in printed
    names = {path.name for path in (tmp_path / "s").iterdir()}
    assert names == {
        ".in-use",
        "study.toml",
        "environment.json",
        "summary.csv",
        "report.html",
        "runs",
    }


def test_resume_and_report(tmp_path: Path, capsys: Output) -> None:
    folder = tmp_path / "s"
    small(folder, "--jobs", 1)
    before = (folder / "summary.csv").read_bytes()
    assert unalike("resume", folder) == 0
    assert "finished; nothing to do" in capsys.readouterr().out
    (folder / "report.html").unlink()
    assert unalike("report", folder) == 0
    assert (folder / "report.html").exists()
    assert (folder / "summary.csv").read_bytes() == before


def test_the_last_of_an_option_wins(tmp_path: Path) -> None:
    assert small(tmp_path / "s", "--rounds", 1, "--jobs", 1, "--set", "fedavg.lr=0.2") == 0
    written = (tmp_path / "s" / "study.toml").read_text()
    assert "rounds = 1" in written
    assert 'lr = "0.2"' in written


def test_methods_as_json(capsys: Output) -> None:
    assert unalike("methods", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed] == list(METHODS)
    keys = {"name", "paper", "year", "hyperparameters", "wire", "ours", "avoid"}
    assert all(keys <= one.keys() for one in listed)
    for one in listed:
        assert all(setting["meaning"] for setting in one["hyperparameters"]), one["name"]


def test_one_method(capsys: Output) -> None:
    assert unalike("methods", "scaffold") == 0
    printed = capsys.readouterr().out
    assert "Karimireddy" in printed
    assert "server_lr" in printed


def test_data_sets(capsys: Output) -> None:
    assert unalike("data") == 0
    assert "digits" in capsys.readouterr().out
    assert unalike("data", "digits", "--json") == 0
    (digits,) = json.loads(capsys.readouterr().out)
    assert (digits["samples"], digits["classes"], digits["here"]) == (1797, 10, True)


def test_version(capsys: Output) -> None:
    assert unalike("--version") == 0
    assert capsys.readouterr().out.startswith("unalike ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "--methods", "fedagv"], "did you mean 'fedavg'?"),
        (["compare", "--data", "digitz"], "did you mean 'digits'?"),
        (["compare", "--split", "dirichlett"], "did you mean 'dirichlet'?"),
        (["compare", "--set", "fedprox.nu=1"], "did you mean 'mu'?"),
        (["compare", "--set", "fedprox"], "METHOD.NAME=VALUE"),
        (["compare", "--model", "cnnn"], "did you mean 'cnn'?"),
        (["compare", "--alpha", "0"], "alpha"),
        (["compare", "--alpha", "-1"], "alpha"),
        (["compare", "--clients", "100000"], "100000"),
        (["compare", "--clients", "ten"], "--clients"),
        (["compare", "--roundz", "3"], "--roundz"),
        (["compare", "--rounds", "0"], "rounds = 0"),
        (["compare", "--data", "tissuemnist", "--data-dir", "nowhere"], "nowhere"),
        (["compare", "--split", "iid", "--alpha", "1"], "alpha"),
        (["compare", "--device", "tpu"], "device = 'tpu'"),
        (["compare", "missing.toml"], "missing.toml"),
        (["methods", "fedagv"], "did you mean 'fedavg'?"),
        (["data", "digitz"], "did you mean 'digits'?"),
        (["resume", "nowhere"], "nowhere"),
        (["report", "nowhere"], "nowhere"),
        (["frobnicate"], "frobnicate"),
        (["compar"], "No such command 'compar'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNALIKE_DATA", str(tmp_path))
    assert unalike(*arguments) == 2
    complaint = capsys.readouterr().err
    assert words in complaint
    assert "Traceback" not in complaint
    assert complaint.lower().count("did you mean") <= 1
    assert len(complaint.strip().splitlines()) == 1


def test_an_old_study_is_kept(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "study.toml").touch()
    assert small(tmp_path) == 2
    assert "already holds a study" in capsys.readouterr().err


def test_an_unwritable_folder(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "file").touch()
    assert small(tmp_path / "file" / "study") == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("info", app.registered_commands, ids=lambda info: info.callback.__name__)
def test_help_is_plain_text(info: Any, capsys: Output) -> None:
    assert unalike(info.name or info.callback.__name__.replace("_", "-"), "--help") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Usage: ")
    assert "\\" not in printed


def test_python_runs_the_package() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unalike", "methods", "nobody"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("unalike: Unknown method 'nobody'")


def test_the_command_line_loads_nothing_heavy() -> None:
    """Help and mistakes are answered at once."""
    names = "'torch', 'numpy', 'pandas', 'flwr', 'pydantic', 'plotly'"
    script = f"import sys, unalike.cli.main; print([n for n in ({names}) if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_settings_are_fields_of_a_study() -> None:
    """A new option of a group that compare passes on needs its field, and nothing else."""
    for group in (Partition, HeldOut, Training, Comparison):
        assert {field.name for field in fields(group)} <= set(Study.model_fields), group


def test_a_group_is_typed_as_it_was_given() -> None:
    answers = Answers(hide_classes=True, noise=0.5)
    assert answers.words() == [
        *("--device", "cpu", "--limit", "3600.0"),
        *("--hide-classes", "--noise", "0.5"),
    ]
    assert Partition(skew=["swap", "label"]).words() == ["--skew", "swap", "--skew", "label"]
    assert Comparison(official_test=False).given() == {"official_test": False}


def test_the_example_of_a_group() -> None:
    found = doctest.testmod(shared)
    assert (found.failed, found.attempted > 0) == (0, True)
