"""`unalike compare --tune`: what it leaves, what it says, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import unalike
from small_studies import SMALL, options
from unalike.api.result import read_result
from unalike.api.resume import resume
from unalike.study.settings import read_study

Output = pytest.CaptureFixture[str]


def small(folder: Path, *more: object) -> int:
    words = ("--methods", "fedavg", *options(SMALL), "--jobs", 1, "--out", folder)
    return unalike("compare", *words, *more)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned") / "study"
    assert small(folder, "--tune", 3, "--validation", 0.2) == 0
    return folder


def test_the_reported_runs_have_the_chosen_settings(home: Path) -> None:
    study = read_study(home / "study.toml")
    assert study.tuning.trials == 3
    assert set(study.tuning.chosen) == {"local", "fedavg"}
    assert {path.name for path in home.glob("tuning/trial-*")} == {
        "trial-000",
        "trial-001",
        "trial-002",
    }
    result = read_result(home)
    assert len(result.trials()) == 6
    for label, chosen in study.tuning.chosen.items():
        best = result.trials().query("method == @label").iloc[0]
        for name, value in chosen.items():
            assert best[name] == value == getattr(study.method(label), name)


def test_the_page_and_the_table_say_how_it_was_tuned(home: Path) -> None:
    page = (home / "report.html").read_text("utf-8")
    assert 'id="tuning-title"' in page
    assert "Untuned" not in page
    assert "tuned alike" in page
    result = read_result(home)
    assert "3 trials a method" in result.to_markdown()
    assert result.plot("search").data
    assert result.plot("sensitivity", view="FedAvg").data
    assert any("adapt_epochs = 1 is given and stays" in remark for remark in result.remarks)


def test_a_finished_study_is_not_searched_again(home: Path, capsys: Output) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.glob("tuning/**/*")}
    assert unalike("resume", home) == 0
    assert "finished; nothing to do" in capsys.readouterr().out
    (home / "runs/fedavg/seed-0/metrics.jsonl").unlink()
    resume(home)
    assert {path: path.stat().st_mtime_ns for path in home.glob("tuning/**/*")} == before


def test_its_study_file_tunes_anew_and_what_is_given_then_stays(home: Path) -> None:
    again = read_study(home / "study.toml", {"settings": {"fedavg": {"lr": 0.2}}}, as_chosen=False)
    assert not again.tuning.done
    assert again.settings == {"local": {"adapt_epochs": "1"}, "fedavg": {"lr": 0.2}}


def test_a_network_is_given_chosen_settings_or_none(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "untuned.toml"
    read_study(home / "study.toml", as_chosen=False).write(path)
    assert unalike("serve", path, "--sites", 2, "--out", tmp_path / "s") == 2
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--tune", 0), "0 trials try nothing"),
        (("--tune", 2, "--sampler", "sobel"), "did you mean 'sobol'"),
        (("--sampler", "sobol"), "say how many settings are tried"),
        (("--tune", 2, "--shard", "1/2"), "--tune with --shard 1/2"),
        (("--tune", 2, "--validation", 0), "validation = 0 leaves none"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    tmp_path: Path, capsys: Output, more: tuple[object, ...], said: str
) -> None:
    assert small(tmp_path / "s", *more) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert said in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "s").exists()


def test_overwriting_removes_the_trials(home: Path) -> None:
    assert small(home, "--overwrite") == 0
    assert not (home / "tuning").exists()
    assert not (home / "tuning.json").exists()
    assert "Untuned: " in (home / "report.html").read_text("utf-8")
