"""What the server tells a site that asks, before it joins and then every few seconds.

The status proves nothing about who asks; it only spares people puzzles. Who takes part is decided
by Flower and its keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

from unalike import __version__

PATH = "/unalike"
POLL_SECONDS = 8.0
"""Between two times that a site asks."""
ABSENT_SECONDS = 3 * POLL_SECONDS
"""After which a site that did not ask counts as gone."""
MAX_SITES = 10_000
"""Names that are remembered, so that nobody can fill the memory."""


class Contact(NamedTuple):
    """The last time that a site asked."""

    session: str  # differs each time a site is started
    time: float
    informed: bool  # that all is over


class ServerStatus:
    """Answers sites, and remembers who asked.

    names: those of the keys that are admitted at this moment, by fingerprint; empty without keys.
    study: what is said of the study, a `StudySummary` as plain values.
    """

    def __init__(
        self, names: Callable[[], Mapping[str, str]], study: Mapping[str, Any] | None = None
    ) -> None:
        self.finished = False
        self._names, self._study = names, study
        self._contacts: dict[str, Contact] = {}

    def answer(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a site that says its name, session and the fingerprint of its key."""
        name, session = query.get("name", "")[:64], query.get("session", "")[:64]
        last = self._contacts.get(name)
        present = last is not None and time.monotonic() - last.time < ABSENT_SECONDS
        names = self._names()
        taken = not names and present and last is not None and last.session != session
        known = not names or names.get(query.get("key", "")) == name
        full = name not in self._contacts and len(self._contacts) >= MAX_SITES
        if name and known and not taken and not full:
            self._contacts[name] = Contact(session, time.monotonic(), self.finished)
        return {
            "unalike": __version__,
            "flwr": version("flwr"),
            "keys": bool(names),
            "admitted": names.get(query.get("key", "")),
            "taken": taken,
            "finished": self.finished,
            "study": self._study,
        }

    def present(self) -> set[str]:
        """The names of the sites that asked of late."""
        limit = time.monotonic() - ABSENT_SECONDS
        return {name for name, contact in list(self._contacts.items()) if contact.time >= limit}

    def all_informed(self) -> bool:
        """Whether every site that is present knows that all is over."""
        return all(self._contacts[name].informed for name in self.present())
