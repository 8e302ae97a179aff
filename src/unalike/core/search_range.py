"""Where good values of a hyper-parameter lie: said beside its bounds in a method's file."""

from __future__ import annotations

from typing import NamedTuple

STEP_SIZE = 0
KEY = 1
FURTHER = 2


class SearchRange(NamedTuple):
    """The values that a search tries: `Annotated[float, Ge(0), "meaning", SearchRange(0.01, 1)]`.

    The method's default lies in it. Whole numbers are searched as whole numbers.
    """

    low: float
    high: float
    log: bool = True  # even steps multiply; otherwise they add
    priority: int = KEY  # what is searched first: STEP_SIZE, KEY, FURTHER


STEP_SIZES = SearchRange(0.003, 3.0, priority=STEP_SIZE)
"""Of plain gradient steps on features of usual scale."""
