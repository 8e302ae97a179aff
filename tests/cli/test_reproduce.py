"""The command `unalike reproduce`."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import unalike
from unalike import ledger
from unalike.ledger import Cell, Claim, PublishedTable, Run


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> PublishedTable:
    """An entry that takes no time, beside the others."""
    table = PublishedTable(
        name="toy",
        title="A toy",
        source="nobody",
        protocol="none",
        columns={"score": "a number"},
        runs=tuple(Run("row", seed, {}) for seed in range(2)),
        measure=lambda settings, seed, data_dir: {"score": 3.0 + seed},
        cpu_minutes=1,
        cells=(Cell("row", "score", 3.2, spread=0.1),),
        claims=(Claim("It is above 3.", lambda found: found.mean("row", "score") > 3, ("row",)),),
    )
    monkeypatch.setitem(ledger.TABLES, "toy", table)
    return table


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Say which entry of the ledger to reproduce"),
        (("fed-hart",), "Unknown entry of the ledger 'fed-hart': did you mean 'fed-heart'?"),
    ],
)
def test_what_cannot_be_meant(
    words: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert unalike("reproduce", *words, "--out", tmp_path / "runs") == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_missing_data_are_said_before_anything_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unalike.ledger.reproduction.is_here", lambda name, folder: False)
    assert unalike("reproduce", "all", "--out", tmp_path / "runs") == 2
    said = capsys.readouterr().err
    assert "fair-fashion needs the data set fashion-mnist" in said
    assert "--data-dir" in said
    assert not (tmp_path / "runs").exists()


def test_a_file_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runs").write_text("mine")
    assert unalike("reproduce", "fcube", "--out", tmp_path / "runs") == 2
    assert "this is a file" in capsys.readouterr().err


def test_the_cost_comes_first_and_the_verdict_last(
    toy: PublishedTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert unalike("reproduce", "toy", "--out", tmp_path) == 0
    first = capsys.readouterr()
    assert first.err.startswith("toy: 2 of 2 runs are to be done, about 1 CPU minutes.")
    printed = " ".join(first.out.split())
    assert "3.20 ± 0.10 3.50 false" in printed
    assert "0 of 1 published number reproduced, 1 of 1 claim reproduced" in printed
    assert unalike("reproduce", "toy", "--out", tmp_path) == 0
    again = capsys.readouterr()
    assert again.err == ""
    assert again.out == first.out


def test_list_and_page(
    toy: PublishedTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    assert unalike("reproduce", "toy", "--out", tmp_path, "--page", page) == 0
    assert "| reproduced = false | 0.20 above the published spread" in page.read_text("utf-8")
    capsys.readouterr()
    assert unalike("reproduce", "--list", "--out", tmp_path) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in ledger.TABLES)
    assert "2 of 2" in listed
