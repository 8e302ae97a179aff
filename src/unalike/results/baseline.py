"""What a guess that never looks at x would reach on the clients' test samples."""

from __future__ import annotations

import numpy as np

from unalike.data.federation import Federation
from unalike.tasks import group_scores


def baseline_score(federation: Federation) -> float:
    """The main measure of the task's baseline, mean over training clients; NaN if it has none.

    The baseline knows what is asked of the training samples of all these clients together. Where
    samples are on other machines nothing is known.
    """
    task, training = federation.task, np.flatnonzero(~federation.newcomers)
    held = federation.train.of_rows(training).values
    tested = federation.test.of_rows(training)
    if not len(tested.values) or not len(federation.x_test) or not len(held):
        return float("nan")
    y = federation.y.cpu().numpy()
    truth = federation.y_test[tested.values]
    guess = task.baseline(y[held]).output
    output = task.reduced(guess.expand(len(truth), *guess.shape), truth)
    samples = task.samples(output.numpy(), truth.numpy(), np.zeros(len(truth)))
    scores = group_scores(task, samples, tested.sizes).scores[task.main.name]
    known = scores[np.isfinite(scores)]
    return float(known.mean()) if len(known) else float("nan")
