"""The whole way from clients to advice, on worlds of a second."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unalike import Advice, advise
from unalike.advice.candidates import CANDIDATES
from unalike.advice.folds import known_samples
from unalike.advice.heats import schedule_race
from unalike.advice.race import Contestant, Race
from unalike.advice.rules import RULES, shortlist
from unalike.data.federation import Federation
from unalike.diagnosis.diagnose import diagnose
from unalike.errors import InputError
from unalike.functional.streams import generator
from unalike.study.settings import make_study
from unalike.study.training import ProgressEvent

SMALL: dict[str, Any] = {
    "model": "mlp",
    "rounds": 3,
    "folds": 2,
    "seeds": 1,
    "batch_size": 32,
    "chunk": 8,
    "threads": 1,
}


def two_opinions(seed: int = 0, clients: int = 6, size: int = 40) -> Federation:
    """Half of the clients give the two classes each other's names."""
    rng = generator(seed, "tests/advice")
    client = np.repeat(np.arange(clients), size)
    truth = rng.integers(0, 2, len(client))
    x = rng.standard_normal((len(client), 4)) + 2.0 * (2 * truth[:, None] - 1)
    return Federation.from_arrays(x, truth ^ (client % 2), client, test=0.3)


def alike(size: int = 40) -> Federation:
    """Clients that hold samples of one source."""
    rng = generator(1, "tests/advice")
    client = np.repeat(np.arange(6), size)
    y = rng.integers(0, 2, len(client))
    x = rng.standard_normal((len(client), 4)) + 0.4 * (2 * y[:, None] - 1)
    return Federation.from_arrays(x, y, client, test=0.3)


@pytest.fixture(scope="module")
def opinions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Advice, Path]:
    folder = tmp_path_factory.mktemp("advice") / "a"
    return advise(two_opinions(), methods="ifca", out=folder, **SMALL), folder


def test_clients_of_two_opinions_are_not_given_one_model(opinions: tuple[Advice, Path]) -> None:
    advice, _ = opinions
    assert advice.diagnosis.found == ("concept",)
    assert advice.method != "fedavg"
    assert advice.measured.scores[advice.method] > advice.measured.scores["fedavg"] + 0.2


def test_what_is_written(opinions: tuple[Advice, Path]) -> None:
    advice, folder = opinions
    whole = json.loads((folder / "advice.json").read_text())
    assert whole["headline"] == advice.headline
    assert repr(advice) == str(advice) == "\n".join(advice.sentences)
    assert whole["method"] == advice.method
    assert whole["hyperparameters"] == advice.hyperparameters
    page = (folder / "advice.html").read_text()
    assert "default-src 'none'" in page
    assert advice.diagnosis.headline in page
    assert "<script" not in page


@pytest.mark.proof("invariant", "a race costs no more than was announced")
def test_the_price_is_kept(opinions: tuple[Advice, Path]) -> None:
    advice, folder = opinions
    lines = [
        line
        for path in (folder / "race").rglob("metrics.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert advice.spent == sum(json.loads(line)["gradients"] for line in lines)
    assert not any("gradient_dissimilarity" in line for line in lines)  # nobody reads it there
    assert advice.spent <= advice.plan.price


@pytest.mark.proof("invariant", "other test samples change neither the race nor the choice")
def test_the_race_never_saw_test_samples(opinions: tuple[Advice, Path]) -> None:
    federation = two_opinions()
    noise = generator(5, "tests/advice").standard_normal(tuple(federation.x_test.shape))
    other = replace(federation, x_test=torch.from_numpy(noise).float())
    again = advise(other, methods="ifca", **SMALL)
    first, second = json.loads(opinions[0].to_json()), json.loads(again.to_json())
    assert first["race"] == second["race"]
    assert first["choice"] == second["choice"]
    assert first["test"] != second["test"]


@pytest.mark.slow
def test_an_interrupted_race_goes_on(opinions: tuple[Advice, Path], tmp_path: Path) -> None:
    runs: list[tuple[str, int]] = []

    def stop(step: ProgressEvent) -> None:
        if step.finished:
            runs.append((step.label, step.seed))
            if len(runs) == 7:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        advise(two_opinions(), methods="ifca", out=tmp_path / "b", tell=stop, **SMALL)
    assert not (tmp_path / "b" / "advice.json").exists()
    before = {path: path.read_bytes() for path in (tmp_path / "b").rglob("metrics.jsonl")}
    advice = advise(two_opinions(), methods="ifca", out=tmp_path / "b", **SMALL)
    assert advice.to_json() == opinions[0].to_json()
    for path, content in before.items():
        assert path.read_bytes().startswith(content)


def test_another_race_is_not_mixed_in(opinions: tuple[Advice, Path]) -> None:
    _, folder = opinions
    with pytest.raises(InputError, match="holds a race with other settings"):
        advise(alike(), methods="ifca", out=folder, **SMALL)


def test_to_begin_anew_replaces_the_old_race(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="holds no race"):
        advise(alike(), methods="fedper", out=tmp_path, overwrite=True, **SMALL)
    (tmp_path / "mine.txt").unlink()
    options: dict[str, Any] = {**SMALL, "rounds": 1, "model": "logistic", "methods": "fedprox"}

    def stop(step: ProgressEvent) -> None:
        if step.finished:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        advise(two_opinions(), out=tmp_path, tell=stop, **options)
    old = {path.read_bytes() for path in tmp_path.rglob("metrics.jsonl")}
    advice = advise(alike(), out=tmp_path, overwrite=True, **options)
    assert old
    assert not old & {path.read_bytes() for path in tmp_path.rglob("metrics.jsonl")}
    assert json.loads((tmp_path / "advice.json").read_text())["headline"] == advice.headline


@pytest.mark.slow
def test_clients_alike_get_one_model() -> None:
    advice = advise(alike(), methods="fedem", **SMALL)
    assert advice.method in ("fedavg", "finetuning")
    assert advice.measured.scores["fedavg"] >= advice.measured.scores["local"]


@pytest.mark.parametrize("name", sorted(CANDIDATES))
def test_no_candidate_does_more_work_than_its_row_says(name: str, tmp_path: Path) -> None:
    federation = two_opinions()
    study = make_study({"data": "own", "model": "mlp", "rounds": 12, "batch_size": 64,
                        "chunk": 8, "threads": 1})  # fmt: skip
    given = known_samples(federation, 0)
    race = Race(given, study, None, 2, tmp_path)
    plan = schedule_race(
        ["local", "fedavg", "finetuning"], rounds=12, folds=2, samples=1, budget=None
    )
    field = [
        Contestant(f"{name}-{k}", name, settings)
        for k, settings in enumerate(CANDIDATES[name].settings())
    ]
    race.heat("all", plan.heats[-1]._replace(folds=1, most=len(field)), field)
    training = given.lists.sizes.sum() - given.lists.sizes.sum() // 2
    for spent in race.spent.values():
        assert 0 < spent <= CANDIDATES[name].work * 12 * training


def test_rules_name_candidates_only() -> None:
    for rule in RULES:
        assert set(rule.methods) <= set(CANDIDATES)
        assert rule.reason
        assert rule.source


def test_the_shortlist_follows_the_diagnosis() -> None:
    opinions = [p.method for p in shortlist(diagnose(two_opinions(), shuffles=40, optimise=False))]
    same = [p.method for p in shortlist(diagnose(alike(), shuffles=40, optimise=False))]
    assert opinions[:3] == same[:3] == ["local", "fedavg", "finetuning"]
    assert opinions[3] == "ifca"
    assert same[3] == "fedprox"
    assert {"ditto", "scaffold", "ifca"} <= set(same)
    assert "fedrep" not in same


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folds": 1}, "folds = 1: input should be greater than or equal to 2"),
        ({"methods": "fedprx"}, "fedprox"),
        ({"budget": 10}, "too small"),
        ({"alpha": 0.1}, "alpha is for data sets and files"),
        ({"evaluate_every": 1}, "a race sets it itself"),
    ],
)
def test_what_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        advise(alike(), **{**SMALL, **options})
