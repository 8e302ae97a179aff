"""The lam of a method that takes it from variance components: 2 sigma^2 / tau^2.

The squared error has no half and the penalty has one, hence the 2; lam counts beside the sum of a
client's losses. Of the training samples of the clients that train, and of no others.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from unalike.core import Method
from unalike.core.penalty import RULE, VARIANCES
from unalike.data.federation import Federation
from unalike.errors import InputError
from unalike.measures.variance_components import (
    VarianceComponents,
    added,
    client_sums,
    variance_components,
)

from .settings import Study

MOST_FEATURES = 500
"""Of which sums of products are taken."""


def wants_variances(method: Method) -> bool:
    """Whether its lam is to be estimated."""
    return getattr(method, RULE, None) == VARIANCES


def method_of_study(study: Study, label: str, federation: Federation) -> Method:
    """The method of this label, its lam estimated where that is asked for.

    Raises:
        InputError: what is asked is no quantity with squared loss, or the variances say no lam.
    """
    method = study.method(label)
    if not wants_variances(method):
        return method
    if "lam" in study.settings.get(label, {}):
        raise InputError(
            f"{label}: lam is given, and {RULE} = {VARIANCES!r} estimates it: leave one of the two "
            "out."
        )
    why = _unsuitable(study, federation)
    if why is not None:
        raise InputError(f"{label}: {RULE} = {VARIANCES!r} {why}")
    found = components_of(federation)
    if not (found.between > 0 and found.within > 0):
        raise InputError(
            f"{label}: {RULE} = {VARIANCES!r} finds a variance of {found.between:.3g} between "
            f"clients and of {found.within:.3g} within them, from which no lam follows: give lam "
            "a number, or take FedAvg where clients do not differ."
        )
    given: Any = {"lam": 2 * found.within / found.between, RULE: "sum"}
    return _replaced(method, given)


@lru_cache(maxsize=4)
def components_of(federation: Federation) -> VarianceComponents:
    """From sums over the clients that train; of y on the scale of training."""
    x, y = (tensor.numpy().astype(np.float64) for tensor in (federation.x, federation.y))
    here = np.flatnonzero(~federation.newcomers).tolist()
    rows = [federation.train.rows(client) for client in here]
    return variance_components(added(client_sums(x[own], y[own]) for own in rows))


def _replaced(method: Any, given: dict[str, Any]) -> Method:
    changed: Method = replace(method, **given)
    return changed


def _unsuitable(study: Study, federation: Federation) -> str | None:
    task, shape = federation.task, tuple(federation.x.shape[1:])
    usual = next(iter(task.losses))
    if not task.has_unit or task.outputs != (1,) or (study.loss or usual) != "squared_error":
        return "is for one quantity with the loss squared_error: give lam a number."
    if len(shape) != 1 or shape[0] > MOST_FEATURES or not federation.x.is_floating_point():
        return f"is for samples of at most {MOST_FEATURES} numbers each: give lam a number."
    return None
