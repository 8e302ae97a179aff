"""Adding seeds to a study: what is there stays, what is new is what a longer study would have."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import unalike.api.continue_study as module
from command_line import unalike
from comparisons import comparison
from small_studies import SMALL, comparable
from unalike import InputError, compare, continue_study
from unalike.study.settings import read_study

Output = pytest.CaptureFixture[str]
STUDY = SMALL | {"methods": "fedavg"}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("continued") / "one"
    compare(**STUDY, out=folder)
    return folder


@pytest.fixture(scope="module")
def continued(one: Path) -> SimpleNamespace:
    """One seed, then two: what its folder held before, and what came out."""
    before = {path: path.read_bytes() for path in one.rglob("seed-0/metrics.jsonl")}
    result = continue_study(one, seeds=2)
    return SimpleNamespace(folder=one, before=before, result=result)


def test_a_continued_study_is_that_of_more_seeds(
    continued: SimpleNamespace, tmp_path: Path
) -> None:
    assert all(path.read_bytes() == text for path, text in continued.before.items())
    whole = compare(**STUDY | {"seeds": 2}, out=tmp_path / "whole")
    pd.testing.assert_frame_equal(comparable(continued.result.frame), comparable(whole.frame))
    study = read_study(continued.folder / "study.toml")
    assert (study.seeds, study.looks) == (2, (1,))
    assert "looks" not in (tmp_path / "whole" / "study.toml").read_text("utf-8")


def test_a_study_that_has_them_is_not_trained_again(continued: SimpleNamespace) -> None:
    metrics = list(continued.folder.rglob("metrics.jsonl"))
    before = [path.stat().st_mtime_ns for path in metrics]
    again = continue_study(continued.folder, seeds=2)
    assert [path.stat().st_mtime_ns for path in metrics] == before
    pd.testing.assert_frame_equal(again.frame, continued.result.frame)


def test_the_page_and_show_say_what_is_decided(continued: SimpleNamespace, capsys: Output) -> None:
    assert "Decided?" in (continued.folder / "report.html").read_text("utf-8")
    assert unalike("show", continued.folder) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Results were looked at before, after 1 seed" in said
    assert "decided (p" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "1"], "has 2 seeds already, more than --seeds 1"),
        (["--until", "deciced"], "did you mean 'decided'?"),
        ([], "Say how many seeds the study is to have"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    continued: SimpleNamespace, words: list[str], said: str, capsys: Output
) -> None:
    before = (continued.folder / "study.toml").read_bytes()
    assert unalike("continue", continued.folder, *words) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert (continued.folder / "study.toml").read_bytes() == before


def test_a_folder_without_study_and_one_of_another_version_are_refused(
    continued: SimpleNamespace, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="holds no study"):
        continue_study(tmp_path, seeds=3)
    (tmp_path / "study.toml").write_bytes((continued.folder / "study.toml").read_bytes())
    (tmp_path / "environment.json").write_text(json.dumps({"unalike": "0.0.1"}), "utf-8")
    with pytest.raises(InputError, match=r"made by unalike 0\.0\.1 and this is"):
        continue_study(tmp_path, seeds=3)


@pytest.mark.parametrize(("gap", "seeds"), [(0.08, [3, 5, 8]), (0.0, [3, 5, 8, 12, 14])])
def test_until_decided_looks_at_the_set_places_and_ends_there(
    gap: float, seeds: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.04, (2, 30))
    states = [SimpleNamespace(seeds=3, looks=())]

    def result(*_: object, **__: object) -> object:
        state = states[-1]
        scores = {
            "local": list(0.7 + noise[0, : state.seeds]),
            "fedavg": list(0.7 + gap + noise[1, : state.seeds]),
        }
        return comparison(scores, looks=list(state.looks))

    def with_seeds(study: SimpleNamespace, *rest: object) -> SimpleNamespace:
        looks = (*study.looks, study.seeds)
        states.append(SimpleNamespace(seeds=rest[-1], looks=looks))
        return states[-1]

    monkeypatch.setattr(module, "_continuable", lambda folder: states[0])
    monkeypatch.setattr(module, "inputs_given_again", lambda *_, **__: None)
    monkeypatch.setattr(module, "unfinished", lambda *_: [])
    monkeypatch.setattr(module, "read_result", result)
    monkeypatch.setattr(module, "_with_seeds", with_seeds)
    told: list[str] = []
    continue_study(
        tmp_path, until="decided", seeds=14, tell=lambda event: told.append(event.remark or "")
    )
    assert [state.seeds for state in states] == seeds
    assert len(told) == len(seeds)
    assert ("decided at p <" in told[-1]) == (gap > 0)
    assert all("not decided (p =" in sentence for sentence in told[:-1])
