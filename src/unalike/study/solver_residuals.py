"""Whether personal models solve what defines them, of methods that can say how far they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from unalike.core import Method
from unalike.engines.local import LocalEngine

SOLVED = 0.1
"""The residual, as a share of that at the start, up to which a model counts as solved."""


def solver_residuals(engine: LocalEngine, server: Any, t: int) -> dict[str, Any]:
    """Of each training client after the last round, and what is to be said of them."""
    method = engine.method
    if not isinstance(method, Method) or method.unsolved is None or t != engine.rounds:
        return {}  # with something around it the personal model solves another problem
    values = engine.residuals(t, server).detach().cpu().double().numpy()
    found: dict[str, Any] = {"residual": values.tolist()}
    open_ones = ~(values <= SOLVED)
    if open_ones.any():
        largest = float(np.max(values[open_ones]))
        found["unsolved"] = (
            f"the personal models of {int(open_ones.sum())} of {len(values)} clients do not solve "
            f"what defines them: up to {100 * largest:.0f} % of the gradient that they start with "
            f"is left (solved: at most {100 * SOLVED:.0f} %). Their scores are those of a solver "
            f"that stopped early: {method.unsolved}."
        )
    return found
