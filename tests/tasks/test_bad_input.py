"""What cannot be answered is refused in one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from task_samples import MAKERS
from unalike.errors import InputError
from unalike.models import build
from unalike.models.gru import GRU
from unalike.tasks import TASKS, Vocabulary, read, register_measure
from unalike.tasks.sequence import Sequence, padded

REFUSED: dict[str, tuple[str, Any, str]] = {
    "a negative time": ("survival", [[3, 1], [-2, 0]], "-2 for sample 1"),
    "a missing time": ("survival", [[3, 1], [np.nan, 0]], "no value for 1 of 2 samples"),
    "an infinite time": ("survival", [[3, 1], [np.inf, 0]], "infinite for sample 1"),
    "no event at all": ("survival", [[3, 0], [2, 0]], "no event at all"),
    "an event of 2": ("survival", [[3, 1], [2, 2]], "must be 1 where it was seen"),
    "times without events": ("survival", [3, 2], "two columns, time and event"),
    "counts below zero": ("counts", [3, -1], "-1 for sample 1"),
    "counts that are not whole": ("counts", [3, 1.5], "1.5, which is no count"),
    "rows of counts": ("counts", [[3, 1], [2, 5]], "one count a sample"),
    "names as quantities": ("regression", ["a", "b"], "--task classes"),
    "a missing quantity": ("regression", [1.5, None], "first for sample 1"),
    "pictures as quantities": ("regression", np.zeros((3, 2, 2)), "a row of them"),
    "fractions as classes": ("classes", [0.5, 1.0], "--task regression"),
    "columns as classes": ("classes", np.ones((3, 2)), "--task labels"),
    "a missing class": ("classes", ["a", None, "b"], "no value for 1 of 3"),
    "three classes as yes or no": ("binary", ["a", "b", "c"], "--task classes"),
    "one class as yes or no": ("binary", ["a", "a"], "1 class,"),
    "one column as labels": ("labels", [0, 1], "--task classes"),
    "labels of 2": ("labels", [[0, 2], [1, 0]], "2, but labels are 0 or 1"),
    "fractions as tokens": ("sequence", [[0.5, 1]], "one for each token"),
    "a sequence without tokens": ("sequence", [[1, 2], [-1, -1]], "Sequence 1"),
    "a token below zero": ("sequence", [[1, -2]], "unknown token -2 at place 1"),
    "no samples": ("regression", [], "empty"),
    "rows of different lengths": ("regression", [[1.0], [1.0, 2.0]], "different shapes"),
    "records of three": (
        "survival",
        np.zeros(2, dtype=[("a", bool), ("b", float), ("c", float)]),
        "records of a, b, c",
    ),
    "an unknown task": ("survial", [1.5], "did you mean 'survival'"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_values_that_are_no_answers(kind: str) -> None:
    task, y, words = REFUSED[kind]
    with pytest.raises(InputError) as error:
        read(y, task, name="outcome")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_client_without_an_event_is_named() -> None:
    task, _, y = MAKERS["survival"](40, 1.0, 0)
    owner = np.repeat([0, 1], 20)
    y[20:, 1] = 0
    with pytest.raises(InputError, match="'south' has no event among its 20 training samples"):
        task.check_clients(y, owner, ("north", "south"))
    y[20, 1] = 1
    task.check_clients(y, owner, ("north", "south", "not here"))


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("classes", (3,), "gives 3 numbers per sample, but the task 'classes' needs 4 numbers"),
        ("binary", (3,), "or one for yes alone"),
        ("labels", (4,), "needs 3 numbers: one for each of 3 labels"),
        ("regression", (2,), "needs 1 number: the quantity itself"),
        ("counts", (2,), "the logarithm of the expected count"),
        ("survival", (2,), "the logarithm of the risk"),
        ("sequence", (5,), "numbers of shape (6, 5)"),
    ],
)
def test_outputs_that_do_not_fit(name: str, shape: tuple[int, ...], words: str) -> None:
    task = MAKERS[name](5, 1.0, 0)[0]
    task.check_outputs(task.outputs, "Net")
    with pytest.raises(InputError) as error:
        task.check_outputs(shape, "Net")
    assert words in str(error.value)


@pytest.mark.parametrize("name", sorted(set(MAKERS) - {"sequence"}))
def test_the_usual_networks_fit(name: str) -> None:
    task = MAKERS[name](5, 1.0, 0)[0]
    for model in ("logistic", "mlp"):
        net = build(model, shape=(3,), classes=task.outputs[-1], seed=0)
        task.check_outputs(tuple(net(torch.zeros(2, 3)).shape[1:]), model)


def test_the_recurrent_network_fits_sequences() -> None:
    task = MAKERS["sequence"](5, 1.0, 0)[0]
    length, tokens = task.outputs
    task.check_outputs(tuple(GRU((length,), tokens)(torch.zeros(2, length)).shape[1:]), "gru")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda task: task.measure("rsme"), "did you mean 'rmse'"),
        (lambda task: task.loss("hubert"), "did you mean 'huber'"),
        (lambda task: task.measure("accuracy"), "measure of the task 'regression'"),
    ],
)
def test_what_a_task_has_not(ask: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ask(MAKERS["regression"](5, 1.0, 0)[0])


def test_names_of_measures_are_taken_once() -> None:
    for name in ("rmse", "loss"):
        with pytest.raises(InputError, match="choose another name"):
            register_measure("regression", name, lambda o, t: 0.0, higher_is_better=True)
    with pytest.raises(InputError, match="did you mean 'counts'"):
        register_measure("count", "mine", lambda o, t: 0.0, higher_is_better=True)


def test_tokens_beyond_the_vocabulary() -> None:
    with pytest.raises(InputError, match="Sequence 1 of y holds the unknown token 7 at place 0"):
        Sequence.read([[1, 2], [7]], tokens=5)
    task, y = Sequence.read([[1, 2], [4]], tokens=5)
    assert y.tolist() == [[1, 2], [4, -1]]
    assert task.outputs == (2, 5)
    assert padded([]).shape == (0, 0)


def test_texts_as_sequences() -> None:
    words = Vocabulary.of(["abca", "cb"])
    x, y = words.encode(["abca", "cb"], 4)
    assert x.tolist() == [[0, 1, 2, 0], [2, 0, 0, 0]]
    assert y.tolist() == [[1, 2, 0, -1], [1, -1, -1, -1]]
    assert words.decode(y[0].tolist()) == "bca"
    for texts, problem in (
        (["abd"], "unknown token 'd' at place 2"),
        (["a"], "at least two"),
        (["abcabc"], "5 are allowed"),
    ):
        with pytest.raises(InputError, match=problem):
            words.encode(texts, 4)


@pytest.mark.parametrize("y", [[0, 3], [-1, 0], ["a", "b"]])
def test_classes_outside_the_range_that_is_given(y: Any) -> None:
    with pytest.raises(InputError, match=r"0\.\."):
        TASKS["classes"].read(y, classes=3)  # type: ignore[call-arg]
