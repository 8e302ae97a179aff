"""A federation in the terminal: who is there, how far it has come, how well each site fares."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from unalike.results import units

LAST_REMARKS = 4


class FederationView:
    """Shows events of a server as they come: a table on a terminal, elsewhere a line each.

    present: the names of the sites that are there now.
    """

    def __init__(
        self, console: Console, title: str, present: Callable[[], set[str]] = lambda: set()
    ) -> None:
        self._console, self._title, self._present = console, title, present
        self._sites: dict[str, dict[str, Any]] = {}
        self._remarks: list[str] = []
        self._state = "starting"
        self._round: dict[str, Any] = {}
        self._bytes = {"down": 0, "up": 0}
        self._seconds: list[float] = []
        self._last = time.monotonic()
        self._live = Live(
            console=console, refresh_per_second=2, get_renderable=self.picture, transient=True
        )

    def __enter__(self) -> FederationView:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def tell(self, event: dict[str, Any]) -> None:
        """Take note of an event of the server."""
        sentence = self._take(event)
        if sentence is None:
            return
        if not self._console.is_terminal:
            self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)
        elif event["event"] != "round":
            self._remarks = [*self._remarks, sentence][-LAST_REMARKS:]

    def _take(self, event: dict[str, Any]) -> str | None:
        kind = event["event"]
        if kind == "serving":
            self._state = f"at {event['listen']}"
            return f"Serving {self._state}."
        if kind == "waiting":
            names = ", ".join(event["for"])
            self._state = (
                f"{event['here']} sites here, {event['least']} needed; waiting for {names}"
            )
            return f"Waiting for {names}: {event['here']} here, {event['least']} needed."
        if kind == "joined":
            self._site(event["site"])
            return f"{event['site']} has joined."
        if kind == "refused":
            return f"{event['site']} was refused: {event['why']}"
        if kind == "round":
            return self._take_round(event)
        if kind == "finished":
            self._state = "finished"
            return "The study is finished."
        if kind == "failed":
            return None
        return str(event["text"]) if "text" in event else None

    def _take_round(self, event: dict[str, Any]) -> str:
        self._state, self._round = "training", event
        now = time.monotonic()
        self._seconds, self._last = [*self._seconds, now - self._last][-20:], now
        for way in self._bytes:
            self._bytes[way] += event.get(f"bytes_{way}", 0)
        missed = {*event.get("dropped", []), *event.get("rejected", [])}
        for name in {*self._sites, *missed}:
            self._site(name)["missed"] += name in missed
        for name, value in event.get("accuracy", {}).items():
            self._site(name)["accuracy"] = f"{value:.1%}"
        for name in event.get("hidden", []):
            self._site(name)["accuracy"] = "hidden"
        parts = [f"{event['method']}, seed {event['seed']}, round {event['t']}/{event['rounds']}"]
        parts.append(f"{event['answers']} answers")
        if missed:
            parts.append(f"without {', '.join(sorted(missed))}")
        if event.get("accuracy"):
            mean = sum(event["accuracy"].values()) / len(event["accuracy"])
            parts.append(f"accuracy {mean:.1%}")
        if event.get("hidden"):
            parts.append(f"accuracy hidden by {', '.join(event['hidden'])}")
        if "epsilon" in event:
            parts.append(f"epsilon {units.epsilon(event['epsilon'])}")
        if "diverged" in event:
            parts.append(str(event["diverged"]))
        return "; ".join(parts) + "."

    def _site(self, name: str) -> dict[str, Any]:
        return self._sites.setdefault(name, {"accuracy": "", "missed": 0})

    def seconds_left(self) -> float | None:
        """Of the run at work, from the pace of the last rounds; None before the second."""
        if not self._round or len(self._seconds) < 2:
            return None
        pace = sorted(self._seconds[1:])[(len(self._seconds) - 1) // 2]
        return pace * (self._round["rounds"] - self._round["t"])

    def picture(self) -> RenderableType:
        """The whole view."""
        head = [self._title, self._state]
        if self._round:
            event = self._round
            head[1] = (
                f"{event['method']}, seed {event['seed']}, round {event['t']}/{event['rounds']}"
            )
            head.append(f"{_size(self._bytes['down'])} down, {_size(self._bytes['up'])} up")
            if "epsilon" in event:
                head.append(f"epsilon {units.epsilon(event['epsilon'])}")
            left = self.seconds_left()
            head.append("" if left is None else f"{left:.0f} s left")
        here = self._present()
        table = Table("site", "here", "accuracy", "missed", box=None, pad_edge=False)
        for name in sorted({*self._sites, *here}):
            site = self._sites.get(name, {"accuracy": "", "missed": 0})
            there = "yes" if name in here else "no"
            table.add_row(name, there, site["accuracy"], str(site["missed"]))
        lines = [Text(text, style="dim") for text in self._remarks]
        return Group(Text("   ".join(filter(None, head)), style="bold"), table, *lines)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
