"""Scores of test samples in a run's records, and what a comparison makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from small_studies import SMALL
from unalike import Federation, compare
from unalike.study import sample_scores
from unalike.study.sample_scores import NAME, as_record, decoded

STUDY = SMALL | {"methods": "fedavg", "seeds": 3}


def scored(folder: Path, runs: str, of: str = "accuracy") -> list[tuple[Any, Any]]:
    """The scores of samples and those of clients, in every line of these runs."""
    lines = [
        json.loads(line)["evaluation"]
        for path in sorted(folder.glob(f"runs/{runs}/metrics.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]
    assert lines
    return [(decoded(line[NAME]), np.array(line["personal"][of])) for line in lines]


def test_they_come_back_as_they_were() -> None:
    scores = np.array([0.0, 1.0, -2.5, 1e-3], np.float32).astype(np.float64)
    np.testing.assert_array_equal(decoded(as_record(scores)[NAME]), scores)
    assert as_record(None) == as_record(np.array([1.0, np.inf])) == {}
    assert as_record(np.zeros(sample_scores.MOST_SAMPLES + 1)) == {}
    right = np.random.default_rng(0).random(sample_scores.MOST_SAMPLES) < 0.6
    assert list(as_record(right.astype(np.float64))) == [NAME]
    assert as_record(np.random.default_rng(0).normal(size=20_000)) == {}


def test_the_mean_over_clients_is_that_of_their_samples(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    result = compare(**STUDY, out=folder)
    for seed, tested in enumerate(result.samples["best"].tested):
        for samples, clients in scored(folder, f"*/seed-{seed}"):
            assert set(np.unique(samples)) <= {0.0, 1.0}
            assert tested.weight @ samples == pytest.approx(clients.mean())
    assert "All seeds draw on the same samples" in str(result)


@pytest.fixture
def quantities() -> Federation:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    y = x.sum(1) + rng.normal(size=300)
    return Federation.from_arrays(x, y, np.repeat(np.arange(3), (40, 100, 160)), seed=1)


def test_the_same_clients_with_every_seed_have_all_samples_in_common(
    quantities: Federation, tmp_path: Path
) -> None:
    """Of quantities the score is that of the root of the mean square, to first order."""
    result = compare(
        quantities, methods="fedavg", rounds=2, seeds=2, model="mlp", out=tmp_path / "study"
    )
    sizes, folder = quantities.test.sizes, tmp_path / "study"
    for samples, clients in scored(folder, "*/*", "rmse"):
        means = [part.mean() for part in np.split(samples, np.cumsum(sizes)[:-1])]
        np.testing.assert_allclose(means, clients, rtol=1e-5)
    weight = np.repeat(1 / (3 * sizes), sizes)
    better = [
        scored(folder, f"fedavg/seed-{k}", "rmse")[-1][0]
        - scored(folder, f"local/seed-{k}", "rmse")[-1][0]
        for k in range(2)
    ]
    mean = np.mean([weight @ one for one in better])
    one, other = (weight * (one - mean) / 2 for one in better)
    found = result.samples["last"].variance("fedavg", "local", (0, 1))
    assert found == pytest.approx(2 * 2 * one @ other)


def test_trials_of_a_search_keep_none(tmp_path: Path) -> None:
    compare(**STUDY | {"seeds": 1}, tune=2, out=tmp_path / "study")
    trials = [
        line["evaluation"]
        for path in (tmp_path / "study" / "tuning").rglob("metrics.jsonl")
        for line in map(json.loads, path.read_text("utf-8").splitlines())
        if "evaluation" in line
    ]
    assert trials
    assert not any(NAME in evaluation for evaluation in trials)


def test_hostile_clients_count_for_nothing(tmp_path: Path) -> None:
    result = compare(
        **STUDY | {"seeds": 2, "attack": "sign-flip:share=0.3"}, out=tmp_path / "study"
    )
    weights = [one.weight for one in result.samples["last"].tested]
    assert all(weight.sum() == pytest.approx(1) for weight in weights)
    assert all((weight == 0).any() for weight in weights)
