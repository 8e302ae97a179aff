"""A model that gives everybody one answer is known from what groups tell."""

from __future__ import annotations

import numpy as np
import pytest

from unalike.tasks import Sums, Task, task_named

SIZES = np.array([8, 5, 0, 7])
TRUTH = np.array([0, 1] * 4 + [1] * 5 + [0, 1, 0, 1, 0, 1, 1])


def told(task: Task, said: list[int], sizes: np.ndarray = SIZES) -> Sums:
    """What groups tell whose every sample is said to be of one class each."""
    rows = int(sizes.sum())
    logits = np.zeros((rows, 2), np.float32)
    logits[np.arange(rows), np.repeat(said, sizes)] = 1
    return task.counts(logits, TRUTH[:rows], np.zeros(rows), sizes)


@pytest.mark.parametrize("name", ["classes", "binary"])
def test_one_class_for_everybody_and_one_at_each(name: str) -> None:
    task = task_named(name).of(2, (), ("ill", "well"))
    assert task.one_answer(told(task, [1, 1, 1, 1])) == "the class 'well'"
    assert task.one_answer(told(task, [1, 0, 0, 0])) == "one class at each client"
    assert task.one_answer(task.main_only(told(task, [1, 1, 1, 1]))) is None


def test_clients_of_one_class_and_few_samples_say_nothing() -> None:
    task = task_named("classes").of(2, (), ("ill", "well"))
    one_class = np.array([0, 0, 0, 0])
    zeros = np.zeros((4, 2), np.float32)
    assert task.one_answer(task.counts(zeros, one_class, np.zeros(4), np.array([4]))) is None
    assert task.one_answer(told(task, [1, 0], np.array([4, 5]))) is None
    mixed = told(task, [1, 0, 0, 0])
    right = task.counts(np.eye(2, dtype=np.float32)[TRUTH], TRUTH, np.zeros(20), SIZES)
    assert task.one_answer(right) is None
    assert task.one_answer(mixed) == "one class at each client"


def test_quantities_have_no_such_answer() -> None:
    task = task_named("regression").of(1)
    sums = task.counts(np.ones((4, 1)), np.arange(4.0), np.zeros(4), np.array([4]))
    assert task.one_answer(sums) is None
