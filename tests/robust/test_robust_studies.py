"""Studies under attack and behind robust rules: what comes out, what is told, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from command_line import unalike
from unalike import compare, resume
from unalike.api.compare import runnable_study
from unalike.api.result import Result
from unalike.attacks import parse_attack, with_attack
from unalike.errors import InputError
from unalike.methods import METHODS
from unalike.network.protocol.messages import MessageError
from unalike.network.protocol.run_description import read_settings, settings_for_sites
from unalike.network.server.study import prepare
from unalike.results.robustness import robustness_table
from unalike.robust import parse_rule
from unalike.study.inputs import UserInputs, deal_study, federation_for
from unalike.study.settings import Study, make_study, read_study

ATTACK = "sign-flip:share=0.2,scale=10"
SMALL: dict[str, Any] = {
    "model": "logistic",
    "clients": 10,
    "new_clients": 0.0,
    "alpha": 100.0,
    "rounds": 5,
    "seeds": 1,
    "methods": "fedavg",
    "weights": "uniform",
}
RULES = ["median", "trimmed:share=0.3"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attacked") / "study"


@pytest.fixture(scope="module")
def undefended(folder: Path) -> Result:
    return compare(**SMALL, attack=ATTACK, out=folder)


def global_accuracy(result: Result) -> float:
    values = result.frame.query("client == 'all'").set_index(["method", "metric"])["value"]
    return float(values["fedavg", "global_accuracy_last"])


@pytest.fixture(scope="module")
def honest() -> float:
    return global_accuracy(compare(**SMALL))


def test_two_of_ten_clients_turn_the_mean_round(undefended: Result, honest: float) -> None:
    """8 - 2 x 10 of ten alike updates: the mean points away from every honest one."""
    assert global_accuracy(undefended) < 0.5 * honest


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_holds_where_the_mean_does_not(rule: str, undefended: Result, honest: float) -> None:
    defended = compare(**SMALL, attack=ATTACK, robust=rule)
    assert global_accuracy(defended) > 0.8 * honest
    assert any(f"robust = '{rule}': the server" in text for text in defended.remarks)


def hostile_names(folder: Path) -> set[str]:
    truth = pd.read_csv(folder / "truth.csv")
    drawn = truth[(truth["skew"] == "attack") & (truth["group"] == 1)]
    return set(drawn["client"])


def test_hostile_clients_are_named_and_left_out_of_averages(
    undefended: Result, folder: Path
) -> None:
    hostile = hostile_names(folder)
    assert len(hostile) == 2
    said = next(text for text in undefended.remarks if text.startswith("attack = "))
    assert all(name in said for name in hostile)
    frame = undefended.frame[undefended.frame["method"] == "local"]
    values = frame[frame["metric"] == "personalised_accuracy_last"].set_index("client")["value"]
    assert set(values.index[values.isna()]) == hostile
    mean = frame[frame["metric"] == "personalised_accuracy_mean_last"]["value"].item()
    lines = (folder / "runs/local/seed-0/metrics.jsonl").read_text().splitlines()
    everybody = json.loads(lines[-1])["evaluation"]["personal"]["accuracy"]
    assert not np.isnan(everybody).any()
    assert mean == pytest.approx(values.mean())
    assert mean != pytest.approx(np.mean(everybody))


def test_values_over_time_are_of_honest_clients_too(tmp_path: Path) -> None:
    timed = {**SMALL, "rounds": 2, "skew": "label-drift:windows=2", "attack": ATTACK}
    frame = compare(**timed, out=tmp_path / "study").frame
    for metric in ("next_window_accuracy", "past_windows_accuracy"):
        values = frame[(frame["method"] == "local") & (frame["metric"] == metric)]
        assert set(values["client"][values["value"].isna()]) == hostile_names(tmp_path / "study")


@pytest.mark.slow
def test_a_study_goes_on_with_the_same_attackers_and_memory(tmp_path: Path) -> None:
    more: dict[str, Any] = {"attack": "noise:scale=3", "robust": "caps+clipping", "cohort": 0.5}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    compare(**{**SMALL, "rounds": 4}, **more, out=whole)
    compare(**{**SMALL, "rounds": 2}, **more, out=parts)
    settings = (parts / "study.toml").read_text()
    (parts / "study.toml").write_text(settings.replace("rounds = 2", "rounds = 4"))
    resume(parts)
    ours, theirs = (
        load_file(at / "runs/fedavg/seed-0/checkpoint.safetensors") for at in (whole, parts)
    )
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_other_samples_are_those_of_hostile_clients_alone() -> None:
    plain = make_study(SMALL)
    study = make_study({**SMALL, "attack": "label-flip:share=0.3"})
    before, after = (federation_for(one, UserInputs(), 0) for one in (plain, study))
    hostile = {t.kind: t.group for t in after.truth}["attack"] == 1
    assert hostile.sum() == 3
    for i in range(before.clients):
        y, flipped = before.y[before.train.rows(i)], after.y[after.train.rows(i)]
        torch.testing.assert_close(flipped, 9 - y if hostile[i] else y)
        assert torch.equal(before.y[before.test.rows(i)], after.y[after.test.rows(i)])


@pytest.mark.parametrize("robust", ["caps+trimmed:share=0.1", "none", None])
def test_settings_survive_every_way_of_writing(robust: str | None, tmp_path: Path) -> None:
    study = make_study({**SMALL, "robust": robust, "attack": ATTACK})
    study.write(tmp_path / "study.toml")
    text = (tmp_path / "study.toml").read_text()
    assert f'attack = "{ATTACK.replace("share=0.2,", "")}"' in text
    assert ('robust = "caps+trimmed:share=0.1"' in text) == (study.robust is not None)
    assert read_study(tmp_path / "study.toml") == study
    assert Study.model_validate_json(study.model_dump_json()) == study


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"robust": "mediam"}, "did you mean 'median'"),
        ({"attack": "sign-flop"}, "did you mean 'sign-flip'"),
        ({"attack": "noise:share=1"}, "share = 1"),
        ({"attack": "backdoor:target=10"}, "target = 10 is no class"),
        ({"robust": "krum:hostile=4"}, "needs 11 answers in a round, and 10 clients"),
        ({"robust": "krum:hostile=4", "methods": "all"}, "needs 11 answers in a round"),
        ({"robust": "median", "methods": "mefl"}, "mefl needs each by itself: its server weighs"),
        ({"robust": "median", "privacy": "local:clip=1,noise=1"}, "give one of the two"),
        ({"robust": "median", "privacy": "central:clip=1,noise=1"}, "give one of the two"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_anything_is_written(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        compare(**{**SMALL, **changes}, out=tmp_path / "study")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "study").exists()


def test_clients_are_attacked_once() -> None:
    study = make_study({**SMALL, "attack": "label-flip"})
    assert study.attack == parse_attack("label-flip")
    already = with_attack(deal_study(study, 0), study.attack, seed=0)
    with pytest.raises(InputError, match="under attack already"):
        federation_for(study, UserInputs(already), 0)


def test_all_methods_leave_out_aloud_what_does_not_suit() -> None:
    said: list[str] = []
    study = make_study({**SMALL, "methods": "all", "robust": "median"})
    kept = runnable_study(
        study, [deal_study(study, 0)], UserInputs(), lambda step: said.append(step.remark or "")
    )
    refused = {name for name in METHODS if METHODS[name].needs_each is not None}
    assert refused
    assert not refused & set(kept.labels())
    for name in refused:
        assert any(text.startswith(f"{name} is left out: The robust rule") for text in said)


def test_a_network_refuses_an_attack_at_either_end(tmp_path: Path) -> None:
    study = make_study({**SMALL, "attack": ATTACK})
    with pytest.raises(InputError, match="attack is for simulated studies"):
        prepare(study, tmp_path / "study")
    assert not (tmp_path / "study").exists()
    with pytest.raises(MessageError, match="attack is for simulated studies"):
        read_settings(settings_for_sites(study))


def test_sites_need_not_know_the_rule() -> None:
    study = make_study({**SMALL, "robust": "median"})
    assert read_settings(settings_for_sites(study)).robust is None


@pytest.mark.slow
def test_whom_the_attack_harms_and_whom_the_rule(undefended: Result) -> None:
    robust = {"robust": "median"}
    table = robustness_table(
        plain=compare(**SMALL),
        attacked=undefended,
        defended=compare(**SMALL, **robust),
        both=compare(**SMALL, **robust, attack=ATTACK),
        chosen="last",
    )
    assert set(table.index) == {"local", "fedavg"}
    assert (table.loc["local"] == 0).all()  # no answer of others reaches a client alone
    fedavg = table.loc["fedavg"]
    assert fedavg["harmed_by_attack"] > 0.8
    assert fedavg["loss_by_attack"] > 0.2
    assert abs(fedavg["loss_in_spite"]) < fedavg["loss_by_attack"] / 2


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--methods", "fedavg", "--model", "logistic", "--clients", 5, "--new-clients", 0]
    options += ["--rounds", 1, "--seeds", 1, "--jobs", 1, "--attack", ATTACK]
    assert unalike("compare", *options, "--robust", "median", "--out", tmp_path / "s") == 0
    study = read_study(tmp_path / "s" / "study.toml")
    assert study.robust == parse_rule("median")
    assert study.attack == parse_attack(ATTACK)
    capsys.readouterr()
    assert unalike("compare", *options, "--robust", "krum:hostile=2", "--out", tmp_path / "t") == 2
    said = capsys.readouterr().err
    assert "needs 7 answers in a round" in said
    assert not (tmp_path / "t").exists()
