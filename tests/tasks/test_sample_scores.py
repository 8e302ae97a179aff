"""A number for each sample whose mean is the main measure, and which says what the sample adds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from task_samples import MAKERS, Array
from unalike.measures.groups import Ints
from unalike.tasks import Samples, Task

SIZES = np.asarray([60, 0, 1, 25, 114])
MEANS = sorted(set(MAKERS) - {"survival"})


def known(task: Task, output: Array, truth: Array) -> Samples:
    reduced = task.reduced(torch.from_numpy(output), torch.from_numpy(truth)).numpy()
    return task.samples(reduced, truth, np.zeros(len(truth)))


def measured(task: Task, samples: Samples, sizes: Ints) -> Array:
    return task.scores(task.sums(samples, sizes))[task.main.name]


@pytest.mark.parametrize("name", MEANS)
def test_their_mean_over_a_group_is_its_main_measure(name: str) -> None:
    task, output, truth = MAKERS[name](200, 1.0, 3)
    samples = known(task, output, truth)
    scores = task.sample_scores(samples, SIZES)
    means = [part.mean() for part in np.split(scores, np.cumsum(SIZES)[:-1]) if len(part)]
    expected = measured(task, samples, SIZES)
    np.testing.assert_allclose(means, expected[SIZES > 0], rtol=1e-9)
    assert np.isnan(expected[SIZES == 0]).all()


@pytest.mark.parametrize("name", MEANS)
def test_a_sample_that_is_there_once_more_moves_the_measure_as_its_score_says(name: str) -> None:
    task, output, truth = MAKERS[name](400, 1.0, 4)
    once = np.asarray([400])
    scores = task.sample_scores(known(task, output, truth), once)
    (before,) = measured(task, known(task, output, truth), once)
    for k in np.argsort(scores)[[0, 200, -1]]:
        more = (np.concatenate([values, values[k : k + 1]]) for values in (output, truth))
        (after,) = measured(task, known(task, *more), once + 1)
        moved = 401 * (after - before)
        assert moved == pytest.approx(scores[k] - before, rel=0.05, abs=1e-9)


def test_a_measure_of_pairs_has_none() -> None:
    task, output, truth = MAKERS["survival"](50, 1.0, 3)
    assert task.sample_scores(known(task, output, truth), np.asarray([50])) is None


def test_what_is_predicted_without_any_error_adds_nothing() -> None:
    task, _, truth = MAKERS["regression"](50, 1.0, 3)
    scores = task.sample_scores(known(task, truth[:, None], truth), np.asarray([20, 30]))
    assert scores.tolist() == [0.0] * 50
