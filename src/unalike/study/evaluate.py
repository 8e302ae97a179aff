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

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Cohort
from unalike.data.windows import Windows, in_window, last_rounds, window_of
from unalike.engines.local import LocalEngine
from unalike.engines.personal_prediction import PersonalPredictor
from unalike.engines.prediction import Lookup
from unalike.engines.predictions import Predictions
from unalike.functional.trees import leaves
from unalike.measures.dissimilarity import gradient_dissimilarity
from unalike.measures.group_agreement import adjusted_rand
from unalike.measures.groups import Floats
from unalike.tasks import Losses, group_scores

from .baseline_hazards import own_hazards, shared_hazard
from .client_columns import MOST_IN_LINE
from .kept_models import RoundModels
from .sample_scores import as_record
from .solver_residuals import solver_residuals

MOST_PROBED = 100
"""Clients whose full gradients are taken for the dissimilarity of a round."""

Scores = dict[str, Floats]
"""By the name of the measure, or "loss", one value for each group: [groups]."""


def models_after(
    engine: LocalEngine,
    server: Any,
    t: int,
    models: PersonalPredictor | None = None,
    *,
    private: bool = False,
) -> RoundModels:
    """What clients predict with after round t.

    models: see `evaluate`.
    private: nothing that all share may depend on samples but by the method's own noisy answers.
    """
    models = models or PersonalPredictor(engine)
    shared = engine.global_model(server)
    hazards = own_hazards(engine, models.models(t, server), engine.rows)
    return RoundModels(
        models.models(t, server),
        shared,
        engine.method.introduce(server),
        engine.start,
        hazards,
        () if private else shared_hazard(engine, shared),
    )


def evaluate(
    engine: LocalEngine,
    server: Any,
    t: int,
    cohort: Cohort,
    models: PersonalPredictor | None = None,
    *,
    details: bool = True,
    dissimilarity: bool = True,
) -> dict[str, Any]:
    """Everything measured after round t, as plain values for the run's store.

    models: remembers from one evaluation of the engine to the next what has not changed.
    details: whether the score of each test sample is measured too, which nothing is chosen by.
    dissimilarity: whether the clients' gradients are compared.
    """
    models = models or PersonalPredictor(engine)
    method, truth = engine.method, engine.federation.groups
    windows = _windows_now(engine, t)
    lookups = [models.lookup("test"), models.lookup("validation")]
    others = [] if windows is None else windows.lookups(engine, models)
    found = models.predict(t, server, [*lookups, *others], digests=truth is not None)
    test, validation = found.of[:2]
    task = engine.federation.task
    tested = test.samples(task)
    personal = group_scores(task, tested, test.sizes)
    result: dict[str, Any] = {
        "personal": as_lists(personal.scores),
        **one_answer(personal.one_answer),
        **solver_residuals(engine, server, t),
        "validation": _pooled(engine, validation),
    }
    if details:
        result |= as_record(task.sample_scores(tested, test.sizes))
    if truth is not None and found.digests is not None:
        agreement = _agreement(found.digests, truth[engine.rows])
        if agreement is not None:
            result["cluster_agreement"] = agreement
    if windows is not None:
        main = engine.federation.task.main.name
        scores = [as_lists(_score(engine, each))[main] for each in found.of[2:]]
        result["stream"] = windows.record(scores)
    shared = method.global_model(server)
    if shared is not None:
        if _same(shared, found.shared) and _of_everybody(engine, test):
            pooled = task.together(tested, test.sizes)
        else:
            pooled = engine.predict_pooled(shared, "test").counts(task)
        result["global"] = of_first_group(task.scores(pooled))
        one_vector = isinstance(shared, Tensor) and shared.shape == engine.w.shape
        if dissimilarity and one_vector and len(cohort.ids):
            probed = cohort.ids[:MOST_PROBED]
            weights = cohort.weights[:MOST_PROBED] / cohort.weights[:MOST_PROBED].sum()
            gradients = engine.gradients_at(shared, probed.cpu().numpy())
            result["gradient_dissimilarity"] = gradient_dissimilarity(gradients, weights)
    return result


def one_answer(answer: str | None) -> dict[str, str]:
    """What all test samples are said to be, where it is one answer and they are several things."""
    return {} if answer is None else {"one_answer": answer}


def evaluate_new(
    engine: LocalEngine, server: Any, t: int, models: PersonalPredictor | None = None
) -> dict[str, Any]:
    """Scores of the clients that never trained, one value a client."""
    models = models or PersonalPredictor(engine)
    return as_lists(_score(engine, models.predict_new(t, server)))


def _same(one: Any, other: Any) -> bool:
    """Whether two models are equal, tensor by tensor."""
    a, b = leaves(one), [] if other is None else leaves(other)
    return len(a) == len(b) and all(map(torch.equal, a, b))


def _of_everybody(engine: LocalEngine, test: Predictions) -> bool:
    """Whether one model's answers to the clients are those on the pooled test samples."""
    asked = engine.federation.test.of_rows(engine.rows).values
    plain = not isinstance(test.losses, Losses)
    return plain and np.array_equal(asked, engine.federation.pooled_test)


def _agreement(digests: list[bytes], truth: NDArray[np.int64]) -> float | None:
    """How well clients that share a model are those of one true group: digests, truth [N].

    None for methods with one model for all, or one for each.
    """
    found = np.unique(digests, return_inverse=True)[1]
    if not 0 < found.max() < len(found) - 1:
        return None
    return adjusted_rand(found, truth)


class _Windows(NamedTuple):
    """The main measure of each client's model when a window ends, NaN where it has no samples.

    next    on the training samples of the next window, before it is trained on; null at the end
    past    on the test samples of every window so far, the one that ends included
    """

    time: Windows
    here: int

    @property
    def goes_on(self) -> bool:
        return self.here + 1 < self.time.number

    def lookups(self, engine: LocalEngine, models: PersonalPredictor) -> list[Lookup]:
        """Of the next window, if there is one, and of those so far."""
        federation, time = engine.federation, self.time

        def each(window: int) -> NDArray[np.int64]:
            return np.full(federation.clients, window)

        ahead = self.here + 1
        coming = in_window(federation.train, time.samples, each(ahead)) if self.goes_on else None
        past = [in_window(federation.test, time.tests, each(window)) for window in range(ahead)]
        return [
            *([] if coming is None else [models.lookup("train", coming)]),
            *(models.lookup("test", lists) for lists in past),
        ]

    def record(self, scores: list[list[float]]) -> dict[str, Any]:
        """The scores of these lookups."""
        past = scores[1:] if self.goes_on else scores
        return {
            "window": self.here,
            "next": scores[0] if self.goes_on else None,
            "past": past,
        }


def _windows_now(engine: LocalEngine, t: int) -> _Windows | None:
    """The window that ends with round t, where one does."""
    time = engine.federation.window
    if time is None or t not in last_rounds(engine.rounds, time.number):
        return None
    return _Windows(time, window_of(t, engine.rounds, time.number))


def _score(engine: LocalEngine, predictions: Predictions) -> Scores:
    task = engine.federation.task
    return group_scores(task, predictions.samples(task), predictions.sizes).scores


def _pooled(engine: LocalEngine, predictions: Predictions) -> dict[str, Any]:
    """Scores over all clients' validation samples together."""
    task = engine.federation.task
    return of_first_group(task.scores(predictions.counts(task, together=True)))


def of_first_group(values: Scores) -> dict[str, float]:
    """The scores of the first group, as a record holds them."""
    return {name: float(column[0]) for name, column in values.items()}


def as_lists(values: Scores) -> dict[str, Any]:
    """The scores of all groups, as a record holds them: as arrays where they are very many."""
    return {
        name: column if len(column) > MOST_IN_LINE else column.tolist()
        for name, column in values.items()
    }
