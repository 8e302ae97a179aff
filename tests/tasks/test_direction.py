"""Better predictions are better in every measure: its direction, its gain, its words."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from task_samples import MAKERS, Array
from unalike.tasks import TASKS, Measure, Task

MEASURES = [(name, m.name) for name, task in TASKS.items() for m in task.standard_measures]


def scored(task: Task, output: Array, truth: Array) -> dict[str, float]:
    reduced = task.reduced(torch.from_numpy(output), torch.from_numpy(truth)).numpy()
    losses = np.arange(len(truth), dtype=np.float64)
    found = task.scores(task.counts(reduced, truth, losses, np.asarray([len(truth)])))
    return {name: float(value[0]) for name, value in found.items()}


class Scores(NamedTuple):
    good: float  # of predictions with skill
    bad: float  # of those with little, of the same truth


def scores_of(name: str, measure: str) -> Scores:
    task, able, truth = MAKERS[name](400, 4.0, 0)
    _, poor, same = MAKERS[name](400, 0.3, 0)
    np.testing.assert_array_equal(truth, same)
    return Scores(*(scored(task, output, truth)[measure] for output in (able, poor)))


def better_is_better(measure: Measure, scores: Scores) -> bool:
    """Whether a measure prefers the able predictions in all of its ways to compare."""
    good, bad = scores
    word = "higher" if good > bad else "lower"
    said = measure.gain_text(measure.gain(good, bad))
    return (
        measure.key(good) < measure.key(bad)
        and measure.gain(good, bad) == pytest.approx(abs(good - bad))
        and measure.gain(bad, good) == pytest.approx(-abs(good - bad))
        and measure.best(good, bad) == measure.best(bad, good) == good
        and (word in said or said.startswith("+"))
    )


@pytest.mark.parametrize(("name", "measure"), MEASURES)
def test_better_predictions_are_better(name: str, measure: str) -> None:
    found, scores = MAKERS[name](400, 4.0, 0)[0].measure(measure), scores_of(name, measure)
    assert better_is_better(found, scores)
    low, high = found.bounds
    assert low <= scores.good <= high
    assert low <= scores.bad <= high


@pytest.mark.parametrize(("name", "measure"), MEASURES)
def test_a_direction_that_is_flipped_is_noticed(name: str, measure: str) -> None:
    """The planted bug of every measure: the test above would fail."""
    found = MAKERS[name](400, 4.0, 0)[0].measure(measure)
    flipped = replace(found, higher_is_better=not found.higher_is_better)
    assert not better_is_better(flipped, scores_of(name, measure))


@pytest.mark.parametrize("name", TASKS)
def test_validation_chooses_by_the_main_measure_then_the_loss(name: str) -> None:
    task, able, truth = MAKERS[name](400, 4.0, 0)
    _, poor, _ = MAKERS[name](400, 0.3, 0)
    good, bad = scored(task, able, truth), scored(task, poor, truth)
    assert task.choice(good) < task.choice(bad)
    assert task.choice(good | {"loss": 1.0}) < task.choice(good | {"loss": 2.0})
    assert task.choice(good | {"loss": 2.0}) < task.choice(bad | {"loss": 1.0})


def test_gains_have_their_natural_form() -> None:
    accuracy = TASKS["classes"].standard_measures[0]
    rmse = TASKS["regression"].standard_measures[0]
    calibration = TASKS["classes"].standard_measures[-1]
    assert accuracy.gain_text(accuracy.gain(0.75, 0.719)) == "+3.1 points"
    assert accuracy.gain_text(accuracy.gain(0.7, 0.719)) == "-1.9 points"
    assert accuracy.interval_text(-0.01, 0.052) == "-1.0 to +5.2 points"
    assert rmse.gain_text(rmse.gain(10.0, 13.1)) == "RMSE 3.10 lower"
    assert rmse.gain_text(rmse.gain(13.1, 10.0)) == "RMSE 3.10 higher"
    assert rmse.interval_text(-0.9, 5.2) == "0.900 higher to 5.20 lower"
    assert calibration.gain_text(0.02) == "calibration error 2.0 points lower"
    assert rmse.gain_text(float("nan")) == accuracy.gain_text(float("nan")) == "-"


def test_values_have_their_unit() -> None:
    accuracy = TASKS["classes"].standard_measures[0]
    rmse = TASKS["regression"].standard_measures[0]
    assert accuracy.text(0.9134) == "91.3 %"
    assert accuracy.gain_text(0.0001) == "0.0 points"
    assert [rmse.text(value) for value in (1234.5, 3.14159, 0.0123, 0.0)] == [
        "1234",
        "3.14",
        "0.0123",
        "0",
    ]
    assert accuracy.axis.ticks == ".0%"
    assert (accuracy.axis.low, accuracy.axis.high) == (0, 1)
    assert rmse.axis.title == "RMSE"
    assert np.isinf(rmse.axis.high)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_main_measure_among_its_own(name: str) -> None:
    task = MAKERS[name](5, 1.0, 0)[0]
    assert isinstance(task.main, Measure)
    assert task.main in task.measures
    names = [measure.name for measure in task.measures]
    assert len(set(names)) == len(names)
    assert task.loss() is next(iter(task.losses.values()))
