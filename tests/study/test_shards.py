"""A study in parts, in one folder or in several, is the study done at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
import torch

from command_line import unalike
from small_studies import SMALL, comparable
from unalike import InputError, Result, compare, resume
from unalike.study.folder_lock import lock_folder
from unalike.study.settings import Study, make_study, read_study
from unalike.study.shard import Shard, parse_shard
from unalike.study.store import RunStore
from unalike.study.study_folder import begin_study, prepare_folder
from unalike.study.training import ProgressEvent

STUDY = {**SMALL, "methods": "fedavg,scaffold", "seeds": 2, "rounds": 2}
PARTS = ("1/3", "2/3", "3/3")


@pytest.fixture(scope="module")
def whole() -> Result:
    return compare("digits", **STUDY)


@pytest.fixture(scope="module")
def separate(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folders = [tmp_path_factory.mktemp("part") / "study" for _ in PARTS]
    for part, folder in zip(PARTS, folders, strict=True):
        compare("digits", **STUDY, shard=part, out=folder)
    return folders


def same_table(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(comparable(one), comparable(other), check_exact=True)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
def test_every_run_is_in_exactly_one_part(count: int) -> None:
    runs = list(range(18))
    parts = [Shard(k, count).part(runs) for k in range(1, count + 1)]
    assert sorted(run for part in parts for run in part) == runs
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "-1/3", "a/b", "1/3/5", "0.5", ""])
def test_no_such_part(text: str) -> None:
    with pytest.raises(InputError, match="write I/N"):
        parse_shard(text)


@pytest.mark.slow
def test_parts_in_one_folder(whole: Result, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    for part in PARTS:
        result = compare("digits", **STUDY, shard=part, out=folder)
        left = sum("not finished" in remark for remark in result.remarks)
        assert left == {"1/3": 4, "2/3": 2, "3/3": 0}[part]
    same_table(result.frame, whole.frame)
    assert (
        result.table().drop(columns=["seconds"], errors="ignore").index.equals(whole.table().index)
    )
    with pytest.raises(InputError, match="there rounds = 2, here 3"):
        compare("digits", **{**STUDY, "rounds": 3}, shard="1/3", out=folder)
    with pytest.raises(InputError, match="already holds a study"):
        compare("digits", **STUDY, out=folder)
    with pytest.raises(InputError, match="--overwrite with --shard 1/3"):
        compare("digits", **STUDY, shard="1/3", out=folder, overwrite=True)


@pytest.mark.slow
def test_parts_in_folders_of_their_own(
    whole: Result, separate: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert unalike("report", *separate) == 0
    said = capsys.readouterr().err
    assert f"2 runs of {separate[1]} were added to {separate[0]}." in said.replace("\n", "")
    steps: list[ProgressEvent] = []
    result = resume(*separate, tell=steps.append)
    assert [step.runs for step in steps] == [0]
    same_table(result.frame, whole.frame)
    for method in result.titles:
        here, there = (each.model(method, "client-0").module for each in (result, whole))
        for name, value in here.state_dict().items():
            assert torch.equal(value, there.state_dict()[name]), method


def test_a_missing_part_is_done_by_resume(
    whole: Result, separate: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    compare("digits", **STUDY, shard="2/3", out=folder)
    same_table(resume(folder, separate[2]).frame, whole.frame)


def test_parts_of_other_studies_are_not_added(separate: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    compare("digits", **{**STUDY, "batch_size": 32}, shard="1/2", out=other)
    before = sorted(separate[2].rglob("*"))
    with pytest.raises(InputError, match=f"{other} holds another study: there batch_size = 32"):
        resume(separate[2], other)
    with pytest.raises(InputError, match="holds no study"):
        resume(separate[2], tmp_path)
    assert sorted(separate[2].rglob("*")) == before


def test_a_part_needs_a_folder() -> None:
    with pytest.raises(InputError, match="needs out="):
        compare("digits", **STUDY, shard="1/3")


def begin(studies: list[Study], folder: Path, *, shared: bool) -> list[str]:
    def one(study: Study) -> str:
        try:
            begin_study(study, folder, {"unalike": "1"}, shared=shared)
        except InputError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(studies)) as threads:
        return list(threads.map(one, studies))


def test_parts_may_begin_at_the_same_moment(tmp_path: Path) -> None:
    study = make_study(STUDY)
    assert begin([study] * 8, tmp_path / "study", shared=True) == [""] * 8
    assert read_study(tmp_path / "study" / "study.toml") == study
    assert not list(tmp_path.rglob("*.writing"))


def test_a_part_that_began_a_moment_ago_is_no_obstacle(tmp_path: Path) -> None:
    """Whatever it has written by now: each part looks at the folder while others fill it."""
    folder = tmp_path / "study"
    assert begin([make_study(STUDY)], folder, shared=True) == [""]
    (folder / "runs" / "fedavg" / "seed-0").mkdir(parents=True)
    written = {path.name for path in folder.iterdir()}
    prepare_folder(folder, overwrite=False, shared=True)
    assert {path.name for path in folder.iterdir()} == written >= {"study.toml", "environment.json"}


def test_one_of_two_studies_gets_the_folder(tmp_path: Path) -> None:
    studies = [make_study({**STUDY, "rounds": rounds}) for rounds in range(1, 9)]
    refused = begin(studies, tmp_path / "study", shared=True)
    winner = read_study(tmp_path / "study" / "study.toml")
    assert [not text for text in refused] == [study == winner for study in studies]
    assert all("holds another study" in text for text in refused if text)


def test_one_of_two_starts_gets_the_folder(tmp_path: Path) -> None:
    said = begin([make_study(STUDY)] * 6, tmp_path / "study", shared=False)
    assert said.count("") == 1
    assert all("already holds a study" in text for text in said if text)


def test_a_run_that_another_process_does_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    monkeypatch.setattr("unalike.study.store.LOCK_SECONDS", 0.0)
    compare("digits", **STUDY, shard="1/6", out=folder)
    taken = folder / "runs" / "scaffold" / "seed-1"
    with lock_folder(taken):
        result = resume(folder)
        with pytest.raises(InputError, match="is in use"):
            compare("digits", **STUDY, out=folder, overwrite=True)
    assert "scaffold, seed 1: not finished." in result.remarks
    assert any("another process is doing this run" in remark for remark in result.remarks)
    assert not RunStore(taken).records()
    assert not any("not finished" in remark for remark in resume(folder).remarks)
