"""What is measured after a round: three kinds of scores that are never mixed.

    personal    each training client's own model on its own test samples
    global      the one model for everybody, on the pooled test samples
    new         clients that never trained, after the method's own adaptation

Where samples come in windows of time these are taken over all windows, and after the last round of
each window there is a fourth, each training client's own model on other windows (`stream`).
What the scores are, and which of them counts, is said by the federation's task.

Validation scores are kept apart: they alone choose a round.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Cohort
from unalike.data.ragged import Ragged
from unalike.data.windows import Windows, in_window, last_rounds, window_of
from unalike.engines.local import LocalEngine
from unalike.engines.prediction import Predictions
from unalike.functional.trees import leaves
from unalike.measures.dissimilarity import gradient_dissimilarity
from unalike.measures.group_agreement import adjusted_rand
from unalike.measures.groups import Floats
from unalike.tasks import Sums, Task

from .kept_models import RoundModels

MOST_PROBED = 100
"""Clients whose full gradients are taken for the dissimilarity of a round."""

Scores = dict[str, Floats]
"""By the name of the measure, or "loss", one value for each group: [groups]."""


def models_after(engine: LocalEngine, server: Any, t: int) -> RoundModels:
    """What clients predict with after round t."""
    return RoundModels(
        engine.personalise(t, server),
        engine.global_model(server),
        engine.method.introduce(server),
        engine.start,
    )


def evaluate(
    engine: LocalEngine,
    server: Any,
    t: int,
    cohort: Cohort,
    models: RoundModels | None = None,
) -> dict[str, Any]:
    """Everything measured after round t, as plain values for the run's store.

    models: those of this round, where they are known already.
    """
    models = models_after(engine, server, t) if models is None else models
    personal = models.personal
    task = engine.federation.task
    tested = engine.predict(personal, engine.rows, "test").counts(task)
    result: dict[str, Any] = {
        "personal": as_lists(task.scores(tested)),
        **one_answer(task, tested),
        "validation": _pooled(engine, engine.predict(personal, engine.rows, "validation")),
    }
    if (agreement := _agreement(engine, personal)) is not None:
        result["cluster_agreement"] = agreement
    time = engine.federation.window
    if time is not None and t in last_rounds(engine.rounds, time.number):
        result["stream"] = _by_window(engine, personal, time, t)
    if models.shared is not None:
        predictions = engine.predict_with_one(models.shared, "test")
        result["global"] = of_first_group(_score(engine, predictions))
        shared = engine.method.global_model(server)
        if isinstance(shared, Tensor) and shared.shape == engine.w.shape and len(cohort.ids):
            probed = cohort.ids[:MOST_PROBED]
            weights = cohort.weights[:MOST_PROBED] / cohort.weights[:MOST_PROBED].sum()
            gradients = engine.gradients_at(shared, probed.cpu().numpy())
            result["gradient_dissimilarity"] = gradient_dissimilarity(gradients, weights)
    return result


def one_answer(task: Task, tested: Sums) -> dict[str, str]:
    """What all test samples are said to be, where it is one answer and they are several things."""
    answer = task.one_answer(tested)
    return {} if answer is None else {"one_answer": answer}


def evaluate_new(engine: LocalEngine, server: Any, t: int) -> dict[str, Any]:
    """Scores of the clients that never trained, one value a client."""
    adapted = engine.adapt(t, server)
    return as_lists(_score(engine, engine.predict(adapted, engine.new_rows, "test")))


def _agreement(engine: LocalEngine, personal: Any) -> float | None:
    """How well clients that share a model are those of one true group, where groups are known.

    None for methods with one model for all, or one for each.
    """
    truth = engine.federation.groups
    if truth is None or not leaves(personal):
        return None
    models = _array(leaves(personal)[0])
    digests = [hashlib.blake2b(model.tobytes(), digest_size=16).digest() for model in models]
    found = np.unique(digests, return_inverse=True)[1]
    if not 0 < found.max() < len(found) - 1:
        return None
    return adjusted_rand(found, truth[engine.rows])


def _by_window(engine: LocalEngine, personal: Any, time: Windows, t: int) -> dict[str, Any]:
    """The main measure of each client's model when a window ends, NaN where it has no samples.

    next    on the training samples of the next window, before it is trained on; null at the end
    past    on the test samples of every window so far, the one that ends included
    """
    here = window_of(t, engine.rounds, time.number)
    federation, clients = engine.federation, engine.federation.clients

    def score(part: str, lists: Ragged) -> list[float]:
        predictions = engine.predict(personal, engine.rows, part, only=lists)
        return as_lists(_score(engine, predictions))[federation.task.main.name]

    def each(window: int) -> NDArray[np.int64]:
        return np.full(clients, window)

    ahead = here + 1
    return {
        "window": here,
        "next": score("train", in_window(federation.train, time.samples, each(ahead)))
        if ahead < time.number
        else None,
        "past": [
            score("test", in_window(federation.test, time.tests, each(window)))
            for window in range(ahead)
        ],
    }


def _score(engine: LocalEngine, predictions: Predictions) -> Scores:
    task = engine.federation.task
    return task.scores(predictions.counts(task))


def _pooled(engine: LocalEngine, predictions: Predictions) -> dict[str, Any]:
    """Scores over all clients' validation samples together."""
    task = engine.federation.task
    return of_first_group(task.scores(predictions.counts(task, together=True)))


def of_first_group(values: Scores) -> dict[str, float]:
    """The scores of the first group, as a record holds them."""
    return {name: float(column[0]) for name, column in values.items()}


def as_lists(values: Scores) -> dict[str, list[float]]:
    """The scores of all groups, as a record holds them."""
    return {name: column.tolist() for name, column in values.items()}


def _array(values: Tensor) -> NDArray[Any]:
    return values.detach().cpu().numpy()
