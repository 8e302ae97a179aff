"""Data given as an argument of a command are what `--data` takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from command_line import unalike
from unalike.cli.compare import is_study_file

Output = pytest.CaptureFixture[str]
ROLES = ("--client-column", "site", "--label-column", "ill")


def table(folder: Path, name: str = "sites.csv") -> Path:
    """Three sites of unequal size; being ill follows from the dose."""
    luck = np.random.default_rng(0)
    site = np.repeat(["a", "b", "c"], (70, 40, 25))
    dose = luck.normal(size=len(site))
    rows = [f"{s},{d:.3f},{'yes' if d > 0 else 'no'}" for s, d in zip(site, dose, strict=True)]
    path = folder / name
    path.write_text("\n".join(["site,dose,ill", *rows]), "utf-8")
    return path


def test_a_file_is_diagnosed(tmp_path: Path) -> None:
    told = []
    for out, given in (("one", ()), ("other", ("--data",))):
        shown = ("diagnose", *given, table(tmp_path), *ROLES, "--shuffles", 60, "--no-optimise")
        assert unalike(*shown, "--out", tmp_path / out) == 0
        told.append(json.loads((tmp_path / out / "diagnosis.json").read_text("utf-8")))
    assert told[0] == told[1]
    assert told[0]["clients"] == ["a", "b", "c"]


def test_a_file_is_compared_and_what_is_said_of_it_is_said_once(
    tmp_path: Path, capsys: Output
) -> None:
    short = ("--methods", "fedavg", "--rounds", 2, "--seeds", 1, "--jobs", 1)
    assert unalike("compare", table(tmp_path), *ROLES, *short, "--out", tmp_path / "s") == 0
    printed = capsys.readouterr()
    assert 'data = "' in (tmp_path / "s" / "study.toml").read_text("utf-8")
    assert (printed.out + printed.err).count("ill: 2 classes, in this order: no, yes.") == 1


def test_a_study_file_is_read_and_options_win(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text('methods = ["fedavg"]\nrounds = 9\nseeds = 1\n', "utf-8")
    given = ("--data", table(tmp_path), *ROLES, "--rounds", 2, "--jobs", 1)
    assert unalike("compare", study, *given, "--out", tmp_path / "s") == 0
    written = (tmp_path / "s" / "study.toml").read_text("utf-8")
    assert "sites.csv" in written
    assert "rounds = 2" in written


def test_a_model_is_checked_for_a_file(tmp_path: Path, capsys: Output) -> None:
    assert unalike("check", "logistic", table(tmp_path), *ROLES) == 0
    assert "4 numbers that are trained" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["compare", "diagnose", "advise", "check logistic"])
def test_data_are_given_once(command: str, tmp_path: Path, capsys: Output) -> None:
    path = table(tmp_path)
    assert unalike(*command.split(), path, "--data", "digits") == 2
    expected = f"unalike: The data were given twice, as {path} and as --data digits.\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    "name", ["sites.csv", "sites.tsv.gz", "sites.parquet", "sites.npz", "sites.xlsx"]
)
def test_a_file_of_data_is_no_study(name: str, tmp_path: Path) -> None:
    assert not is_study_file(str(table(tmp_path, name)))


def test_names_and_folders_are_data_and_other_files_studies(tmp_path: Path) -> None:
    assert not is_study_file("digits")
    assert not is_study_file(str(tmp_path))
    assert not is_study_file("not-there.csv")
    assert is_study_file("not-there.toml")
    assert is_study_file(str(table(tmp_path, "study")))


def test_what_is_not_there_is_named(capsys: Output) -> None:
    assert unalike("compare", "not-there.csv") == 2
    assert unalike("compare", "not-there.toml") == 2
    assert capsys.readouterr().err.splitlines() == [
        "unalike: There is no file or folder not-there.csv, and no data set of that name.",
        "unalike: There is no study file not-there.toml.",
    ]
