"""The fastest plan, found by the first rounds of a run themselves.

No plan changes a result, so the rounds try some in turn and go on with the best of them. What is
found is remembered in the user's cache folder, by machine, model and work; where that cannot be
written or read, the next run tries again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from unalike.errors import InputError

from .plan import Plan

ROUNDS_EACH = 2
"""Rounds that a plan is tried for; the faster one counts."""


class PlanSearch:
    """Which plan the next round should follow.

    families: plans of one number of threads each, from the largest chunk down. As soon as a
    smaller chunk is slower than the one before, the still smaller ones are left out.
    """

    def __init__(self, families: list[list[Plan]], memory: PlanMemory | None = None) -> None:
        self._memory = memory
        known = None if memory is None else memory.read(families)
        self._families = [] if known else [list(family) for family in families]
        self._best, self._fastest = known or families[0][0], float("inf")
        self._last, self._tried = float("inf"), list[float]()
        if sum(map(len, self._families)) == 1:
            self._families = []

    @property
    def settled(self) -> bool:
        """Whether nothing more is tried."""
        return not self._families

    @property
    def plan(self) -> Plan:
        """For the next round."""
        return self._best if self.settled else self._families[0][0]

    def note(self, seconds: float, gradients: int) -> None:
        """What the last round took, and how many gradients of a sample that was."""
        if self.settled:
            return
        self._tried.append(seconds / max(1, gradients))
        if len(self._tried) < ROUNDS_EACH:
            return
        family = self._families[0]
        plan, taken = family.pop(0), min(self._tried)
        slower, self._last = taken > self._last, taken
        self._tried.clear()
        if taken < self._fastest:
            self._best, self._fastest = plan, taken
        if slower or not family:
            self._families.pop(0)
            self._last = float("inf")
        if self.settled and self._memory is not None:
            self._memory.write(self._best)


class PlanMemory:
    """The plan that was best for some work before.

    work: all that decides which plan is fast, in words and numbers.
    """

    def __init__(self, *work: object, folder: Path | None = None) -> None:
        name = hashlib.blake2b(repr(work).encode(), digest_size=16).hexdigest()
        self._path = (folder or cache_folder()) / f"{name}.txt"

    def read(self, families: list[list[Plan]]) -> Plan | None:
        """The plan, if there is one, and it is one of these."""
        try:
            plan = Plan.read(self._path.read_text("utf-8").strip())
        except (OSError, ValueError, InputError):
            return None
        return plan if any(plan in family for family in families) else None

    def write(self, plan: Plan) -> None:
        """Remember the plan, where that is possible."""
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, beside = tempfile.mkstemp(dir=self._path.parent)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{plan}\n")
            os.replace(beside, self._path)


def cache_folder() -> Path:
    """Where plans are remembered."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "unalike" / "plans"
