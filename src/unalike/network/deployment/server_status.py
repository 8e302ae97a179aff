"""What the server tells a site that asks, before it joins and then every few seconds.

A greeting proves nothing about who asks; it only spares people puzzles. Who takes part is decided
by Flower and its keys.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

from unalike import __version__

PATH = "/unalike"
EVERY = 8.0
"""Seconds between two visits of a site."""
FORGOTTEN = 3 * EVERY
"""Seconds after which a site that did not come counts as gone."""
MOST = 10_000
"""Names that are remembered, so that nobody can fill the memory."""


class Visit(NamedTuple):
    """A site was here."""

    session: str  # differs each time a site is started
    at: float
    told: bool  # that all is over


class Visitors:
    """Who came to ask; `marks` are the fingerprints of the admitted keys -> names."""

    def __init__(self, marks: Mapping[str, str]) -> None:
        self.finished = False
        self._marks = marks
        self._visits: dict[str, Visit] = {}

    def greet(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a site that says its name, session and the fingerprint of its key."""
        name, session = query.get("name", "")[:64], query.get("session", "")[:64]
        last = self._visits.get(name)
        present = last is not None and time.monotonic() - last.at < FORGOTTEN
        taken = not self._marks and present and last is not None and last.session != session
        if name and not taken and (name in self._visits or len(self._visits) < MOST):
            self._visits[name] = Visit(session, time.monotonic(), self.finished)
        return {
            "unalike": __version__,
            "flwr": version("flwr"),
            "keys": bool(self._marks),
            "admitted": self._marks.get(query.get("key", "")),
            "taken": taken,
            "finished": self.finished,
        }

    def present(self) -> set[str]:
        """The names of the sites that were here of late."""
        limit = time.monotonic() - FORGOTTEN
        return {name for name, visit in list(self._visits.items()) if visit.at >= limit}

    def all_told(self) -> bool:
        """Whether every site that is present knows that all is over."""
        return all(self._visits[name].told for name in self.present())
