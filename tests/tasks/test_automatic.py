"""Which task a rule finds, what it says, and when it asks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from unalike.data.preprocessing.table import Column
from unalike.data.reading.labels import read_column
from unalike.errors import InputError
from unalike.tasks import TASKS, read

RNG = np.random.default_rng(0)
SURVIVAL = np.stack([RNG.exponential(size=30), RNG.integers(2, size=30)], 1)
RECORDS = np.array([(True, 3.5), (False, 2.0)], dtype=[("dead", bool), ("days", float)])

CLEAR: dict[str, tuple[Any, str, str]] = {
    "two names": (["yes", "no", "yes"], "binary", "2 names"),
    "three names": (["b", "a", "c", "a"], "classes", "3 names"),
    "many names": ([f"n{i % 40}" for i in range(200)], "classes", "40 names"),
    "one name": (["a", "a"], "classes", "1 name"),
    "true and false": ([True, False, True], "binary", "true or false"),
    "0 and 1": ([0, 1, 1, 0], "binary", "regression"),
    "0.0 and 1.0": ([0.0, 1.0, 1.0, 0.0], "binary", "regression"),
    "1 and 2, one column": (np.array([[1], [2], [2]]), "binary", "two different"),
    "ten digits": (np.arange(100) % 10, "classes", "--task regression"),
    "a few in a row": ([0, 1, 2, 0], "classes", "whole numbers 0 to 2"),
    "grades as floats": ([1.0, 2.0, 3.0, 3.0, 2.0], "classes", "whole numbers 1 to 3"),
    "a few with gaps": ([10, 20, 30] * 3, "classes", "3 different"),
    "two fractions": ([0.5, 1.5, 0.5], "regression", "not whole"),
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
        np.arange(200) % 31,  # all of 0 to 30: counts look so too
        [3, 7, 9, 12],  # nearly each sample its own
        [-3, 7, 9, 12],
        RNG.integers(0, 9, (30, 4)),
    ],
)
def test_several_readings_are_refused_with_a_command_each(y: Any) -> None:
    with pytest.raises(InputError, match="which may be") as error:
        read(y, name="days")
    assert str(error.value).startswith("days holds ")
    assert "\n" not in str(error.value)
    assert len(offered(str(error.value))) >= 2
    for task in offered(str(error.value)):
        assert read(y, task).task.name == task
        assert read(y, task).text == ""


def offered(text: str) -> list[str]:
    return re.findall(r"--task (\w+)", text)


@pytest.mark.parametrize("kind", CLEAR)
def test_every_command_that_is_offered_is_accepted(kind: str) -> None:
    y = CLEAR[kind][0]
    for task in offered(read(y).text):
        assert read(y, task).task.name == task


@pytest.mark.parametrize("kind", [kind for kind in CLEAR if np.asarray(CLEAR[kind][0]).ndim == 1])
def test_a_column_of_a_table_is_read_by_the_same_rule(kind: str) -> None:
    y, task, _ = CLEAR[kind]
    values = np.asarray(y)
    if values.dtype.names is not None or len(np.unique(values)) < 2:
        return  # no column of a table; one class is refused there
    written = np.array([str(value) for value in values], dtype=object)
    for column in (Column("y", values), Column("y", written)):
        assert read_column(column, "y").task.name == task


def test_classes_stand_in_the_natural_order_of_their_names() -> None:
    found = read(["n10", "n9", "n10", "m"], "classes")
    assert found.task.names == ("m", "n9", "n10")
    assert found.y.tolist() == [2, 1, 2, 0]
    numbers = read([10, 9, 10, -1], "classes")
    assert numbers.task.names == ("-1", "9", "10")
    assert numbers.y.tolist() == [2, 1, 2, 0]


def test_one_hot_rows_become_classes() -> None:
    codes = np.array([0, 2, 1, 2])
    found = read(np.eye(4)[codes])
    assert found.y.tolist() == codes.tolist()
    assert found.task.outputs == (4,)
    assert read(np.eye(4)[codes], "labels").task.name == "labels"


def test_the_class_that_is_said_counts_as_yes() -> None:
    found = read(["disease", "normal"])
    assert found.task.names == ("disease", "normal")
    assert "yes = 'normal'" in found.task.notes()[0]
    assert "--positive disease" in found.task.notes()[0]
    asked = found.task.with_positive("disease")
    assert asked.class_names == ("normal", "disease")
    assert asked.with_positive("disease") == asked
    with pytest.raises(InputError, match="did you mean 'disease'"):
        found.task.with_positive("diseased")
    with pytest.raises(InputError, match="--positive 3"):
        read([1.5, 2.5, 0.1]).task.with_positive("3")


def test_yes_is_the_later_name() -> None:
    assert read(["no", "yes", "no"]).y.tolist() == [0, 1, 0]
    assert read([True, False]).y.tolist() == [1, 0]


def test_every_task_can_be_said() -> None:
    for name in TASKS:
        assert TASKS[name].name == name
    with pytest.raises(InputError, match="did you mean 'regression'"):
        read([1.5, 2.5], "regresion")
