"""What can be refused is refused before anything is written, and the corrected study then runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import unalike
from small_studies import SMALL, options
from unalike import Federation, InputError, advise, compare, diagnose, resume
from unalike.study.settings import make_study

QUICK = {**SMALL, "methods": "fedavg", "rounds": 1}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"weights": "capped:0.04"}, "at least 1/4"),
        ({"weights": "capped:0.04", "methods": "all"}, "at least 1/4"),
        ({"settings": {"fedavg": {"solver": "sdg"}}}, "did you mean 'sgd'"),
        ({"settings": {"fedavg": {"solver": "momentum:1.5"}}}, "each in"),
        ({"methods": "fusedspacefed"}, "FusedSpaceFed"),
        ({"methods": "ifca", "settings": {"ifca": {"clusters": 0}}}, "clusters"),
        ({"device": "cuda"}, "no CUDA device"),
        ({"model": "cnn:width=0"}, "cnn"),
        ({"alpha": -1.0}, "alpha"),
        ({"skew": ["rotation:groups=7"]}, "5 clients cannot form 7 groups"),
        ({"min_size": 5000}, "5000"),
        ({"split": "natural"}, "natural"),
        ({"shard": "4/3"}, "write I/N"),
        ({"jobs": 0}, "jobs = 0"),
        ({"backend": "loki"}, "did you mean 'loky'"),
    ],
)
def test_nothing_is_written(wrong: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        compare("digits", **{**QUICK, **wrong}, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_the_corrected_command_runs_where_the_wrong_one_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["compare", *options(QUICK), "--jobs", 1, "--out", tmp_path / "study"]
    assert unalike(*given, "--weights", "capped:0.04") == 2
    assert "Weights 'capped:0.04'" in capsys.readouterr().err
    assert unalike(*given, "--weights", "capped:0.4") == 0


def test_a_cap_holds_for_clients_and_not_for_all_of_them_together() -> None:
    result = compare(
        "digits", **{**QUICK, "methods": "centralised,fedavg", "weights": "capped:0.5"}
    )
    assert {"centralised", "fedavg"} <= set(result.frame["method"])


def test_weights_are_tried_for_every_seed(tmp_path: Path) -> None:
    """The split of some seed leaves clients without samples, and so fewer to share the weight."""
    study = make_study(
        {**QUICK, "weights": "capped:0.26", "seeds": 6, "alpha": 0.02, "min_size": 0}
    )
    with pytest.raises(InputError, match=r"capped:0\.26"):
        compare("digits", **study.model_dump(exclude={"data"}), out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def own(test: float = 0.2, names: tuple[str, ...] = ("a", "b", "c"), **shares: Any) -> Federation:
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 15 * len(names))
    client = np.repeat(np.asarray(names, dtype=object), 30)
    x = rng.normal(size=(len(y), 4)) + y[:, None]
    return Federation.from_arrays(x, y, client, test=test, **shares)


class TestEmptyParts:
    """A share may be 0; what cannot be measured without that part is refused in one sentence."""

    @pytest.mark.parametrize("entry", [compare, advise])
    def test_nothing_can_be_compared_without_test_samples(self, entry: Any, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"holds a test sample .* such as test=0\.2"):
            entry(own(test=0.0), model="logistic", rounds=1, seeds=1, out=tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_diagnosis_needs_no_test_samples(self) -> None:
        found = diagnose(own(test=0.0), shuffles=20, optimise=False)
        assert found.names == ("a", "b", "c")

    @pytest.mark.parametrize(
        "shares", [{"validation": 0.0}, {"new_clients": 0.0}, {"validation": 0.0, "test": 0.9}]
    )
    def test_other_parts_may_be_empty(self, shares: dict[str, float]) -> None:
        study = {"model": "logistic", "methods": "fedavg", "rounds": 2, "seeds": 1}
        frame = compare(own(**shares), **study).frame
        means = frame[frame["metric"].eq("personalised_accuracy_mean_last")]["value"]
        assert len(means) == 2
        assert means.between(0, 1).all()


def test_no_client_may_be_called_like_the_rows_of_all_clients(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="called 'all'"):
        compare(own(names=("all", "b")), model="logistic", rounds=1, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def from_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "study"
    compare(own(), model="logistic", methods="fedavg", rounds=1, seeds=1, out=folder)
    return folder


@pytest.mark.parametrize("command", ["report", "resume"])
def test_data_from_python_are_not_in_the_folder(
    command: str, from_python: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert unalike(command, from_python) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "used data given from Python" in said
    assert f"unalike.resume('{from_python}', data=...)" in said


def test_with_the_data_it_goes_on(from_python: Path) -> None:
    assert resume(from_python, data=own()).names == ("a", "b", "c")
