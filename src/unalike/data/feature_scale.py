"""Whether features are on a scale that usual step sizes are made for."""

from __future__ import annotations

import numpy as np

from .federation import Federation
from .preprocessing.preprocessing import Preprocessing

LARGEST = 30.0
"""Root mean square of a feature above which it counts as far from unit scale."""
SMALLEST = 1e-3
"""The same below which all features together do."""
LOOKED_AT = 20_000
"""Training samples that are looked at, at most."""


def scale_warning(federation: Federation) -> str | None:
    """One sentence where features are far from unit scale; None where they are near it.

    A gradient step is about as long as the features are large, so that with unscaled columns the
    usual step sizes end in a model that gives the same class for everybody, or diverge.
    """
    if not len(federation.train.values):  # samples that are elsewhere
        return None
    rows = federation.train.values[federation.newcomers[federation.train.owner] == 0]
    x = federation.x[rows[:LOOKED_AT]]
    if not x.is_floating_point() or not len(x):
        return None
    size = x.flatten(1).double().square().mean(0).sqrt().numpy()
    if size.max() <= LARGEST and size.max() >= SMALLEST:
        return None
    at = int(np.argmax(size))
    fitted = federation.preprocessing
    names = fitted.feature_names if isinstance(fitted, Preprocessing) else ()
    which = repr(names[at]) if at < len(names) else f"number {at}"
    return (
        f"Features are far from unit scale (root mean square up to {size.max():.3g}, in feature "
        f"{which}): usual step sizes may end in one class for everybody; take scale = 'standard', "
        "or scale them before."
    )
