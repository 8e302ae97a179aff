"""Whether personal models solve what defines them, of methods that can say how far they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unalike.core import Method
from unalike.engines.local import LocalEngine

SOLVED = 0.1
"""The residual, as a share of that at the start, up to which a model counts as solved."""


def has_residuals(method: Method, t: int, rounds: int) -> bool:
    """Whether models are asked how far from solved they are: after the last round, once."""
    return method.unsolved is not None and t == rounds


def solver_residuals(engine: LocalEngine, server: Any, t: int) -> dict[str, Any]:
    """Of each training client after the last round, and what is to be said of them."""
    if not has_residuals(engine.method, t, engine.rounds):
        return {}
    return judge_residuals(engine.method, engine.residuals(t, server).detach().cpu().numpy())


def judge_residuals(method: Method, values: NDArray[Any]) -> dict[str, Any]:
    """Residuals [N], NaN of clients that do not tell theirs, and what is to be said of them."""
    known = values[~np.isnan(values)].astype(np.float64)
    found: dict[str, Any] = {"residual": values.astype(np.float64).tolist()}
    unsolved = known[known > SOLVED]
    if len(unsolved):
        found["unsolved"] = (
            f"the personal models of {len(unsolved)} of {len(known)} clients do not solve what "
            f"defines them: up to {100 * unsolved.max():.0f} % of the gradient that they start "
            f"with is left (solved: at most {100 * SOLVED:.0f} %). Their scores are those of a "
            f"solver that stopped early: {method.unsolved}."
        )
    return found
