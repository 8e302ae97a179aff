"""What a group of samples cannot have told is found out; what it can, never."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from task_samples import MAKERS
from unalike.tasks import Sums, Task
from unalike.tasks.sums import mapped


def told(name: str, n: int = 60) -> tuple[Task, Sums]:
    task, output, truth = MAKERS[name](n, 1.0, 7)
    kept = task.reduced(torch.from_numpy(output), torch.from_numpy(truth)).numpy()
    return task, task.counts(kept, truth, np.full(n, 0.7), np.array([n]))


@pytest.mark.parametrize("name", MAKERS)
def test_the_truth_never_contradicts_itself(name: str) -> None:
    for n in (1, 3, 60):
        task, sums = told(name, n)
        assert task.contradiction(sums, n) is None
        assert task.contradiction(sums, n + 5) is None
        assert task.contradiction(task.main_only(sums), n) is None
    assert task.contradiction(task.nothing(), 0) is None


@pytest.mark.parametrize("name", MAKERS)
def test_more_samples_than_there_are(name: str) -> None:
    task, sums = told(name)
    why = task.contradiction(sums._replace(size=sums.size * 1e6), 60)
    assert why == "it counts 60000000 samples and has told of 60"
    assert task.contradiction(sums, 59) == "it counts 60 samples and has told of 59"


@pytest.mark.parametrize("name", sorted(set(MAKERS) - {"regression", "counts"}))
def test_counts_beyond_the_samples(name: str) -> None:
    task, sums = told(name)
    much = sums._replace(parts=mapped(lambda leaf: 1e6 * leaf, sums.parts))
    assert task.contradiction(much, 60) == "it counts what its 60 samples cannot give"


BEYOND = {
    "regression": "its sums have signs that they cannot have",
    "counts": "its Poisson deviance would be -",
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_measure_beyond_its_bounds(name: str) -> None:
    task, sums = told(name)
    bounded = [m for m in task.standard_measures if np.isfinite(m.bounds).any()]
    assert bounded
    negative = sums._replace(parts=mapped(lambda leaf: -3.0 * leaf, sums.parts))
    expected = BEYOND.get(name, "it counts what its 60 samples cannot give")
    assert str(task.contradiction(negative, 60)).startswith(expected)
