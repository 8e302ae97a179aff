"""Local work as settings of a study: what is taken, refused, written, said and measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from small_studies import SMALL
from unalike import InputError, compare
from unalike.core.local_work import LocalWork
from unalike.core.schedules import Exponential
from unalike.network.protocol.run_description import read_settings, settings_for_sites
from unalike.study.settings import make_study, read_study
from unalike.study.store import RunStore

LABELS = ("local", "fedavg", "centralised")


def test_settings_become_work() -> None:
    assert make_study({}).work == LocalWork(rounds=50)
    given = {
        "local_steps": "100",
        "lr_schedule": "exponential:rate=0.99",
        "local_momentum": 0.9,
        "slow_clients": 0.5,
        "rounds": 7,
    }
    known = LocalWork(steps=100, schedule=Exponential(rate=0.99), momentum=0.9, slow=0.5, rounds=7)
    assert make_study(given).work == known
    assert make_study({"local_epochs": "2"}).as_toml()["local_epochs"] == 2
    assert str(make_study({"local_epochs": 2.0}).local_epochs) == "2"


@pytest.mark.parametrize(
    "given",
    [
        {"local_steps": 100, "lr_schedule": "step:every=20,rate=0.5"},
        {"local_epochs": 0.5, "local_momentum": 0.9},
        {"local_epochs": 3, "slow_clients": 0.5, "lr_schedule": "inverse:power=0.5"},
    ],
)
def test_what_is_written_reads_back(given: dict[str, Any], tmp_path: Path) -> None:
    study = make_study(given)
    study.write(tmp_path / "study.toml")
    assert read_study(tmp_path / "study.toml") == study
    assert read_settings(settings_for_sites(study)).work == study.work


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"local_steps": 5, "local_epochs": 2}, "local_steps = 5 beside local_epochs = 2: say how"),
        ({"local_steps": 0}, "local_steps = 0: input should be greater"),
        ({"local_epochs": 0}, "local_epochs = 0: input should be greater than 0"),
        ({"local_epochs": "half"}, "local_epochs = 'half': input should be a valid number"),
        ({"local_momentum": 1}, "local_momentum = 1: input should be less than 1"),
        ({"lr_schedule": "exponentail:rate=1"}, "did you mean 'exponential'?"),
        ({"lr_schedule": "exponential"}, "exponential needs rate: write exponential:rate=VALUE"),
        ({"lr_schedule": "step:every=0"}, "every = 0: input should be greater"),
        ({"lr_schedule": "cosine:flor=1"}, "did you mean 'floor'?"),
        ({"lr_schedule": 3}, "lr_schedule = 3: give the name of a schedule"),
        ({"slow_clients": 0.5}, "one epoch has no parts: give local_epochs of 2 or more"),
        ({"slow_clients": 1.0}, "slow_clients = 1.0: input should be less than 1"),
    ],
)
def test_bad_settings_get_one_sentence(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        make_study(wrong)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_momentum_goes_where_a_method_has_a_solver() -> None:
    study = make_study({"local_momentum": 0.9})
    named: Any = study.method("fedavg")
    assert named.solver == "momentum:0.9"
    assert study.method("scaffold") == make_study({}).method("scaffold")


class Done(NamedTuple):
    folder: Path
    said: list[str]


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Done:
    said, folder = list[str](), tmp_path_factory.mktemp("work") / "study"
    compare(
        "digits",
        **SMALL,
        methods="fedavg,mefl,centralised",
        local_steps=3,
        jobs=1,
        out=folder,
        tell=lambda event: said.append(event.remark or ""),
    )
    return Done(folder, said)


def test_all_put_together_take_as_many_steps_as_all(steps: Done) -> None:
    """3 steps of each of 4 clients, 12 of one that holds the samples of all."""
    stores = {name: RunStore(steps.folder / "runs" / name / "seed-0") for name in LABELS}
    taken = {name: store.records()[0]["gradients"] for name, store in stores.items()}
    assert 0.9 * 12 * 64 <= taken["centralised"] <= 12 * 64
    assert 0.5 * 12 * 64 <= taken["fedavg"] <= 12 * 64
    assert taken["local"] == taken["fedavg"]


def test_what_a_reader_must_know_is_said(steps: Done) -> None:
    assert "local work goes on over rounds: every client keeps a count of its steps." in steps.said
    assert "mefl: its work is inner_steps = 5, whatever the study's local work is." in steps.said


def test_what_does_not_suit_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="local_momentum does not suit scaffold: under momentum"):
        compare("digits", **SMALL, methods="scaffold", local_momentum=0.5, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()
