"""A full disk or a file that cannot be written: one sentence, and what is done is kept."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import torch

from command_line import unalike
from small_studies import SMALL, comparable, options
from unalike import compare
from unalike.results.summary import read_summary
from unalike.study.files import (
    UnwritableError,
    append_line,
    write_atomically,
    write_once,
    write_tensors,
)
from unalike.study.store import RunStore

STUDY = {**SMALL, "methods": "fedavg"}
Output = pytest.CaptureFixture[str]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    return comparable(compare("digits", **STUDY).frame)


@pytest.mark.parametrize(
    ("size", "file"),
    [
        (100, "study.toml"),
        (1_000, "runs"),
        (20_000, "study"),
    ],
)
def test_a_full_disk(
    size: int, file: str, whole: pd.DataFrame, tmp_path: Path, capsys: Output
) -> None:
    folder = tmp_path / "study"
    given = ["compare", *options(STUDY), "--jobs", 1, "--out", folder]
    with largest_file(size):
        assert unalike(*given) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert file in said
    assert "cannot be written: " in said
    assert "Traceback" not in said
    assert not list(folder.rglob("*.writing"))
    if file == "study.toml":
        assert unalike(*given) == 0
    else:
        assert "What is done is kept" in said
        assert unalike("resume", folder, "--jobs", 1) == 0
    assert list(comparable(read_summary(folder / "summary.csv"))["value"]) == list(whole["value"])


@pytest.mark.slow
def test_a_full_disk_in_a_worker(whole: pd.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    limited = (
        "import resource; from unalike.cli.main import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY)); main()"
    )
    given = map(str, ["compare", *options(STUDY), "--jobs", 2, "--out", folder])
    ended = subprocess.run(
        [sys.executable, "-c", limited, *given], capture_output=True, text=True, check=False
    )
    said = " ".join(ended.stderr.split())
    assert ended.returncode == 2, said
    assert "cannot be written: " in said
    assert "Traceback" not in said
    assert unalike("resume", folder, "--jobs", 1) == 0
    assert list(comparable(read_summary(folder / "summary.csv"))["value"]) == list(whole["value"])


@pytest.mark.parametrize("blocked", ["runs/fedavg", "summary.csv", "report.html"])
def test_something_in_the_way_of_a_file(blocked: str, tmp_path: Path, capsys: Output) -> None:
    folder = tmp_path / "study"
    compare("digits", **STUDY, shard="1/2", out=folder)
    (folder / "report.html").unlink()
    (folder / "summary.csv").unlink()
    if blocked == "runs/fedavg":
        (folder / blocked).write_text("")
    else:
        (folder / blocked).mkdir()
        (folder / blocked / "file").touch()
    assert unalike("resume", folder, "--jobs", 1) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert blocked in said
    assert "cannot be written" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("where", ["/proc/study", "/dev/null/study"])
def test_a_folder_that_cannot_be(where: str, capsys: Output) -> None:
    assert unalike("compare", *options(STUDY), "--jobs", 1, "--out", where) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"{where} cannot be written" in said


WRITES = {
    "atomically": lambda path: write_atomically(path, b"x" * 2000),
    "once": lambda path: write_once(path, b"x" * 2000),
    "line": lambda path: append_line(path, "x" * 2000),
    "tensors": lambda path: write_tensors(path, {"w": torch.zeros(500)}, {}),
}


@pytest.mark.parametrize("kind", WRITES)
def test_every_way_to_write(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if kind != "once":
        path.write_bytes(b"before\n")
    with largest_file(1000), pytest.raises(UnwritableError, match="file cannot be written: "):
        WRITES[kind](path)
    left = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert left == ({} if kind == "once" else {"file": b"before\n"})
    with pytest.raises(UnwritableError, match="cannot be written: "):
        WRITES[kind](Path("/proc/self/nothing/file"))


def test_what_was_written_before_is_whole(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.append({"round": 1})
    with largest_file(50), pytest.raises(UnwritableError):
        store.append({"round": 2, "text": "x" * 100})
    assert [record["round"] for record in store.records()] == [1]
    store.append({"round": 2})
    assert [record["round"] for record in RunStore(tmp_path).records()] == [1, 2]
