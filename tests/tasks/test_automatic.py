"""Which task a rule finds, what it says, and when it asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unalike.errors import InputError
from unalike.tasks import TASKS, read

RNG = np.random.default_rng(0)
SURVIVAL = np.stack([RNG.exponential(size=30), RNG.integers(2, size=30)], 1)
RECORDS = np.array([(True, 3.5), (False, 2.0)], dtype=[("dead", bool), ("days", float)])

CLEAR: dict[str, tuple[Any, str, str]] = {
    "two names": (["yes", "no", "yes"], "binary", "2 names"),
    "three names": (["b", "a", "c", "a"], "classes", "3 names"),
    "many names": ([f"n{i % 40}" for i in range(200)], "classes", "40 names"),
    "one name": (["a", "a"], "classes", "1 names"),
    "true and false": ([True, False, True], "binary", "true or false"),
    "0 and 1": ([0, 1, 1, 0], "binary", "regression"),
    "0.0 and 1.0": ([0.0, 1.0, 1.0, 0.0], "binary", "regression"),
    "1 and 2, one column": (np.array([[1], [2], [2]]), "binary", "two different"),
    "ten digits": (np.arange(100) % 10, "classes", "--task regression"),
    "a few in a row": ([0, 1, 2, 0], "classes", "whole numbers 0 to 2"),
    "grades as floats": ([1.0, 2.0, 3.0, 3.0, 2.0], "classes", "whole numbers 1 to 3"),
    "a few with gaps": ([10, 20, 30] * 3, "classes", "3 different"),
    "fractions": (RNG.normal(size=50), "regression", "not whole"),
    "whole numbers below zero": (np.arange(-20, 20), "regression", "below 0"),
    "one-hot": (np.eye(4)[RNG.integers(4, size=30)], "classes", "one-hot"),
    "one-hot, two": (np.eye(2)[RNG.integers(2, size=30)], "classes", "--task labels"),
    "labels": (RNG.integers(2, size=(30, 4)), "labels", "zeros and ones"),
    "several quantities": (RNG.normal(size=(30, 3)), "regression", "rows of 3"),
    "time and event": (SURVIVAL, "survival", "event"),
    "records": (RECORDS, "survival", "event"),
}


@pytest.mark.parametrize("kind", CLEAR)
def test_what_is_clear_is_taken_and_said(kind: str) -> None:
    y, task, words = CLEAR[kind]
    found = read(y, name="outcome")
    assert found.task.name == task
    assert found.text.startswith(f"Task: {task}, because outcome ")
    assert words in found.text
    assert len(found.y) == len(y)


def test_one_token_for_each_place_of_x_is_a_sequence() -> None:
    y = RNG.integers(9, size=(30, 5))
    assert read(y, x_shape=(5,)).task.name == "sequence"
    with pytest.raises(InputError, match="--task sequence or --task regression"):
        read(y, x_shape=(3,))


@pytest.mark.parametrize(
    "y",
    [
        RNG.integers(0, 60, 400),  # days, or writers' letters
        RNG.integers(0, 60, 400).astype(float),
        [3, 7, 9, 12],  # nearly each sample its own
        [0.5, 1.5, 0.5],
    ],
)
def test_two_readings_are_refused_with_both_commands(y: Any) -> None:
    with pytest.raises(InputError, match="--task classes or --task regression") as error:
        read(y, name="days")
    assert str(error.value).startswith("days holds ")
    assert "\n" not in str(error.value)
    if np.asarray(y).max() > 2:
        assert read(y, "classes").task.name == "classes"
        assert read(y, "counts").task.name == "counts"
    assert read(y, "regression").task.name == "regression"
    assert read(y, "regression").text == ""


def test_classes_stand_in_the_natural_order_of_their_names() -> None:
    found = read(["n10", "n9", "n10", "m"], "classes")
    assert found.task.names == ("m", "n9", "n10")
    assert found.y.tolist() == [2, 1, 2, 0]
    numbers = read([10, 9, 10, -1], "classes")
    assert set(numbers.task.names) == {"-1", "9", "10"}
    assert [numbers.task.names[code] for code in numbers.y] == ["10", "9", "10", "-1"]


def test_one_hot_rows_become_classes() -> None:
    codes = np.array([0, 2, 1, 2])
    found = read(np.eye(4)[codes])
    assert found.y.tolist() == codes.tolist()
    assert found.task.outputs == (4,)
    assert read(np.eye(4)[codes], "labels").task.name == "labels"


def test_yes_is_the_later_name() -> None:
    assert read(["no", "yes", "no"]).y.tolist() == [0, 1, 0]
    assert read([True, False]).y.tolist() == [1, 0]


def test_every_task_can_be_said() -> None:
    for name in TASKS:
        assert TASKS[name].name == name
    with pytest.raises(InputError, match="did you mean 'regression'"):
        read([1.5, 2.5], "regresion")
