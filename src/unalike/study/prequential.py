"""Studies over time: what methods must allow, and how well clients do as their data change.

    next window   the main measure of a client's own model on the samples that come in the next
                  window, before anything is trained on them (test, then train)
    past windows  that of a client's own model, when all is over, on the test samples of the
                  windows before the last
    forgetting    by how much that measure is worse than when each window ended

All are means over windows, then over clients; they are never mixed with the other scores.

Source  test-then-train: Gama, Sebastiao and Rodrigues, KDD 2009; forgetting: Chaudhry et al.,
        ECCV 2018, with the accuracy at the end of a window in place of the best one
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unalike.core import Method, Problem
from unalike.data.federation import Federation
from unalike.data.skews.temporal_skews import TemporalSkew
from unalike.errors import InputError
from unalike.functional.trees import leaves
from unalike.tasks import Measure

from .settings import Study

Floats = NDArray[np.float64]


def with_window_evaluations(study: Study, federation: Federation) -> Study:
    """The study, measured when windows end also where the clients brought windows of their own.

    Raises:
        InputError: there are fewer rounds than windows.
    """
    time = federation.window
    if time is None:
        return study
    if time.number > study.rounds:
        raise InputError(
            f"{study.rounds} rounds are too few for {time.number} windows of time: give more "
            "rounds, or fewer windows, as in label-drift:windows=3."
        )
    if any(isinstance(skew, TemporalSkew) for skew in study.skew):
        return study
    every = study.rounds // time.number if study.rounds % time.number == 0 else 1
    return study.model_copy(update={"evaluate_every": every})


def refuse_state_per_sample(method: Method, problem: Problem, federation: Federation) -> None:
    """Whether the method can do without a number for each sample, where samples come and go.

    Raises:
        InputError: it cannot.
    """
    if federation.window is None:
        return
    shapes = []
    for capacity in (3, 5):
        tried = copy.copy(problem)
        tried.capacity = capacity
        state = method.init_client(tried, tried.init())
        shapes.append([tuple(leaf.shape) for leaf in leaves(state)])
    if shapes[0] != shapes[1]:
        raise InputError(
            f"{method.name} keeps a number for each sample of a client, which cannot be while "
            "samples change over time: choose another form of it, or leave it out."
        )


def window_scores(records: list[dict[str, Any]], main: Measure) -> dict[str, Floats]:
    """The three measures for each training client [N], as far as windows have ended."""
    ended = [
        record["evaluation"]["stream"]
        for record in records
        if "stream" in record.get("evaluation", {})
    ]
    found: dict[str, Floats] = {}
    ahead = [np.asarray(each["next"]) for each in ended if each["next"] is not None]
    if ahead:
        found[f"next_window_{main.name}"] = _mean(ahead)
    if len(ended) > 1:
        now = [np.asarray(values) for values in ended[-1]["past"][:-1]]
        then = [np.asarray(each["past"][-1]) for each in ended[:-1]]
        found[f"past_windows_{main.name}"] = _mean(now)
        found["forgetting"] = _mean([main.gain(a, b) for a, b in zip(then, now, strict=True)])
    return found


def _mean(values: list[Floats]) -> Floats:
    """Mean over windows [N], of those in which a client has samples; NaN where in none."""
    rows = np.stack(values)
    known = ~np.isnan(rows)
    total = np.where(known, rows, 0).sum(0)
    return np.divide(total, known.sum(0), out=np.full(total.shape, np.nan), where=known.any(0))
