"""A study with privacy: its settings in every form, its table, its page, its resumption."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from command_line import unalike
from unalike import compare, resume
from unalike.api.compare import runnable_study
from unalike.cli.progress import StudyProgress
from unalike.errors import InputError
from unalike.methods import METHODS
from unalike.network.protocol.run_description import read_settings, settings_for_sites
from unalike.privacy import Account, Privacy, parse_privacy
from unalike.results.summary import read_summary
from unalike.study.inputs import UserInputs, deal_study
from unalike.study.settings import Study, make_study, read_study
from unalike.study.training import ProgressEvent

SMALL: dict[str, Any] = {
    "clients": 6,
    "new_clients": 0.0,
    "rounds": 3,
    "seeds": 1,
    "methods": "fedavg",
    "weights": "uniform",
}
TEXT = "central:clip=1,noise=1.1"
PLAIN = {"kind": "central", "clip": 1.0, "noise": 1.1, "delta": 1e-5}


@pytest.mark.parametrize("given", [TEXT, PLAIN, Privacy(**PLAIN), f"{TEXT},delta=1e-5"])
def test_every_form_says_the_same(given: Any, tmp_path: Path) -> None:
    study = make_study({**SMALL, "privacy": given})
    assert study.privacy == Privacy(**PLAIN)
    study.write(tmp_path / "study.toml")
    assert "[privacy]" in (tmp_path / "study.toml").read_text()
    assert read_study(tmp_path / "study.toml") == study
    assert Study.model_validate_json(study.model_dump_json()) == study
    plain = json.loads(json.dumps(settings_for_sites(study)))
    assert read_settings(plain).privacy == study.privacy


def test_no_clip_at_all_survives_every_way_of_writing(tmp_path: Path) -> None:
    study = make_study({**SMALL, "privacy": "local:clip=inf,noise=0"})
    assert study.privacy.clip == math.inf
    study.write(tmp_path / "study.toml")
    assert read_study(tmp_path / "study.toml") == study
    assert Study.model_validate_json(study.model_dump_json()) == study
    plain = json.loads(json.dumps(settings_for_sites(study)))
    assert read_settings(plain).privacy == study.privacy


def test_a_study_without_privacy_does_not_mention_it(tmp_path: Path) -> None:
    study = make_study(SMALL)
    assert study.privacy is None
    study.write(tmp_path / "study.toml")
    assert "privacy" not in (tmp_path / "study.toml").read_text()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("centrall:clip=1,noise=1", "Unknown kind of privacy 'centrall': did you mean 'central'?"),
        ("central:clip=1,noise=-1", "noise = -1: input should be greater than or equal to 0"),
        ("central:clip=0,noise=1", "clip = 0: input should be greater than 0"),
        ("central:clip=-2,noise=1", "clip = -2: input should be greater than 0"),
        ("central:clip=nan,noise=1", "clip = nan: it must be a number"),
        ("central:clip=1,noise=nan", "noise = nan: input should be a finite number"),
        ("central:clip=1,noise=1,delta=0", "delta = 0: input should be greater than 0"),
        ("central:clip=1,noise=1,delta=1", "delta = 1: input should be less than 1"),
        ("central:clip=1", "Privacy central needs noise: write KIND:clip=C,noise=SIGMA"),
        ("local", "Privacy local needs clip"),
        ("local:clip=1,noize=1", "Unknown setting of privacy 'noize': did you mean 'noise'?"),
        ("local:clip", "write KIND or KIND:NAME=VALUE,NAME=VALUE, as in central:clip=1,noise=1.1"),
        ("local:clip=inf,noise=1", "give a finite clip, or noise = 0"),
        ("local:clip=1,noise=inf", "should be a finite number"),
        (3, "privacy = 3: write KIND"),
        ({"clip": 1}, "Unknown kind of privacy"),
    ],
)
def test_bad_settings_are_one_sentence(given: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        make_study({**SMALL, "privacy": given})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weights": "proportional"}, "set weights = 'uniform'"),
        ({"weights": "capped:0.5"}, "set weights = 'uniform'"),
        ({"sampling": "I"}, "set sampling = 'A'"),
        ({"sampling": "II"}, "set sampling = 'A'"),
    ],
)
def test_central_privacy_needs_one_weight_for_all(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make_study({**SMALL, **changes, "privacy": TEXT})
    make_study({**SMALL, **changes, "privacy": "local:clip=1,noise=1"})


def test_a_method_that_does_not_suit_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"mefl needs each by itself: its server weighs"):
        compare(**{**SMALL, "methods": "mefl"}, privacy=TEXT)


def test_all_methods_leave_out_aloud_what_does_not_suit() -> None:
    said: list[str] = []
    study = make_study({**SMALL, "methods": "all", "privacy": TEXT})
    kept = runnable_study(
        study, [deal_study(study, 0)], UserInputs(), lambda step: said.append(step.remark or "")
    )
    refused = {name for name in METHODS if METHODS[name].needs_each is not None}
    of_other_models = {"fusedspacefed"}
    assert set(kept.labels()) == set(METHODS) - refused - of_other_models
    for name in refused:
        assert any(text.startswith(f"{name} is left out: Privacy is for") for text in said)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with half of the clients in a round."""
    path = tmp_path_factory.mktemp("private") / "study"
    compare(**SMALL, cohort=0.5, privacy=TEXT, out=path)
    return path


def records(folder: Path, method: str = "fedavg") -> list[dict[str, Any]]:
    lines = (folder / "runs" / method / "seed-0" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_every_round_and_the_summary_tell_epsilon(folder: Path) -> None:
    account = Account(Privacy(**PLAIN), 6, 3)
    assert [r["epsilon"] for r in records(folder)] == [account.epsilon(t) for t in (1, 2, 3)]
    assert {r["epsilon"] for r in records(folder, "local")} == {0.0}
    told = read_summary(folder / "summary.csv").query("client == 'all'")
    frame = told.set_index(["method", "metric"])["value"]
    assert frame["fedavg", "epsilon"] == account.epsilon(3)
    assert frame["fedavg", "delta"] == 1e-5
    assert frame["local", "epsilon"] == 0


def test_the_page_tells_epsilon_in_words_and_in_its_table(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    told = f"{Account(Privacy(**PLAIN), 6, 3).epsilon(3):.3g}"
    assert f"Privacy after round 3 (FedAvg): epsilon = {told} at delta = 1e-05" in page
    assert 'data-metric="epsilon"' in page
    assert "[privacy]" in page
    assert "makes no model safe to give away" in page


@pytest.mark.parametrize(
    "privacy", [TEXT, pytest.param("local:clip=1,noise=2", marks=pytest.mark.slow)]
)
def test_a_study_goes_on_with_what_it_has_spent(privacy: str, tmp_path: Path) -> None:
    """Half a study and the rest of it are the whole one, with the same noise and account."""
    both = whole, parts = tmp_path / "whole", tmp_path / "parts"
    compare(**SMALL, cohort=0.5, privacy=privacy, out=whole)
    compare(**{**SMALL, "rounds": 1}, cohort=0.5, privacy=privacy, out=parts)
    settings = (parts / "study.toml").read_text()
    (parts / "study.toml").write_text(settings.replace("rounds = 1", "rounds = 3"))
    resume(parts)
    told = [[record["epsilon"] for record in records(at)] for at in both]
    assert told[0] == told[1]
    ours, theirs = (load_file(at / "runs/fedavg/seed-0/checkpoint.safetensors") for at in both)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_no_noise_is_said_aloud() -> None:
    said: list[str] = []
    result = compare(
        **{**SMALL, "rounds": 1},
        privacy="local:clip=1,noise=0",
        tell=lambda step: said.append(step.remark or ""),
    )
    assert any("epsilon is infinite: nothing is promised" in text for text in said)
    assert any("epsilon = infinite at delta" in text for text in result.remarks)
    frame = result.frame.query("client == 'all'").set_index(["method", "metric"])["value"]
    assert frame["fedavg", "epsilon"] == math.inf


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--methods", "fedavg", "--clients", 4, "--new-clients", 0, "--rounds", 1]
    options += ["--seeds", 1, "--jobs", 1, "--privacy", TEXT]
    done = unalike("compare", *options, "--weights", "uniform", "--out", tmp_path / "s")
    assert done == 0
    assert "Privacy after round 1 (FedAvg): epsilon = 8.9" in capsys.readouterr().out
    assert unalike("compare", *options, "--out", tmp_path / "t") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "set weights = 'uniform'" in said


def test_the_progress_line_tells_epsilon() -> None:
    study = make_study({**SMALL, "privacy": TEXT})
    console = Console(force_terminal=True, width=160, record=True)
    progress = StudyProgress(study, console)
    progress.tell(ProgressEvent("", 0, 0, runs=1))
    progress.tell(ProgressEvent("fedavg", 0, 1, "50.0%", epsilon=2.345))
    console.print(progress.picture())
    progress.tell(ProgressEvent("fedavg", 0, 2, epsilon=float("inf")))
    console.print(progress.picture())
    text = console.export_text()
    assert "validation 50.0%, epsilon 2.35" in text
    assert "validation 50.0%, epsilon infinite" in text


def test_asking_for_nothing() -> None:
    assert parse_privacy(None) is None
