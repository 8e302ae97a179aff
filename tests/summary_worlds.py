"""What the clients of a world would tell of it, each for itself."""

from __future__ import annotations

import numpy as np

from unalike.diagnosis.diagnose_summaries import Summaries
from unalike.diagnosis.summary import feature_moments, noisy_summary, pooled_scale, summarise
from unalike.diagnosis.summary_noise import Noise
from unlike_worlds import World


def summaries_of(given: World, epsilon: float | None = None) -> Summaries:
    x, y, client, _ = given
    names, classes = np.unique(client), int(y.max()) + 1
    samples = [(x[client == i], y[client == i]) for i in names]
    if epsilon is None:
        lens = pooled_scale([feature_moments(part) for part, _ in samples], together=x.ndim > 2)
        found = [summarise(part, of, classes, lens, 0) for part, of in samples]
    else:
        rng = np.random.default_rng(0)
        found = [noisy_summary(part, of, classes, Noise(epsilon), 0, rng) for part, of in samples]
    labels = tuple(map(str, range(classes)))
    return Summaries(tuple(map(str, names)), labels, tuple(found), epsilon)
