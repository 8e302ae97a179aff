"""How a federation fares, made up from the events of its server: for programs that ask."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from unalike.network.server.events import Event

MOST_REMARKS = 50


class FederationState:
    """Takes note of events in one thread and answers in another.

    present: the names of the sites that are there now.
    """

    def __init__(self, title: str, present: Callable[[], set[str]] = lambda: set()) -> None:
        self._title, self._present = title, present
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._status = "starting"
        self._run: dict[str, Any] = {}
        self._bytes = {"down": 0, "up": 0}
        self._rounds = 0
        self._sites: dict[str, dict[str, Any]] = {}
        self._remarks: deque[str] = deque(maxlen=MOST_REMARKS)

    def tell(self, event: Event) -> None:
        """Take note of an event."""
        with self._lock:
            self._note(event)

    def snapshot(self) -> dict[str, Any]:
        """All that is known, as plain values."""
        here = self._present()
        with self._lock:
            names = sorted({*self._sites, *here})
            sites = [{"name": n, "here": n in here, **self._sites.get(n, _site())} for n in names]
            return {
                "study": self._title,
                "status": self._status,
                "seconds": round(time.monotonic() - self._started, 1),
                "run": dict(self._run),
                "rounds": self._rounds,
                "bytes": dict(self._bytes),
                "sites": sites,
                "remarks": list(self._remarks),
            }

    def _note(self, event: Event) -> None:
        kind = event["event"]
        if kind == "serving":
            self._status = "waiting for sites"
        elif kind == "waiting":
            self._status = f"waiting for {', '.join(event['for'])}"
        elif kind == "joined":
            self._site(event["site"])
        elif kind == "refused":
            self._remarks.append(f"{event['site']} was refused: {event['why']}")
        elif kind == "round":
            self._note_round(event)
        elif kind in ("finished", "failed"):
            self._status = kind
            self._remarks.extend([str(event["why"])] if "why" in event else [])
        elif kind == "remark":
            self._remarks.append(str(event["text"]))

    def _note_round(self, event: Event) -> None:
        self._status = "training"
        self._rounds += 1
        known = ("method", "seed", "t", "rounds", "answers", "seconds", "measure", "mean")
        self._run = {name: event[name] for name in (*known, "epsilon") if name in event}
        for way in self._bytes:
            self._bytes[way] += event.get(f"bytes_{way}", 0)
        for name in (*event.get("dropped", []), *event.get("rejected", [])):
            self._site(name)["missed"] += 1
        for name, text in event.get("texts", {}).items():
            self._site(name).update(score=text, value=event.get(event["measure"], {}).get(name))

    def _site(self, name: str) -> dict[str, Any]:
        return self._sites.setdefault(name, _site())


def _site() -> dict[str, Any]:
    """What is known of a site that has only come."""
    return {"score": "", "value": None, "missed": 0}
