"""A federation in the terminal: who is there, how far it has come, how well each site fares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from unalike.cli.columns_table import columns_table
from unalike.cli.progress import ProgressDisplay
from unalike.data.preprocessing.table_preprocessing import ColumnRow
from unalike.results import units


@dataclass
class SiteRow:
    """What is shown of a site."""

    score: str = ""  # by the main measure
    missed: int = 0  # rounds without its answer


class FederationProgress(ProgressDisplay):
    """Shows events of a server as they come: a table of sites on a terminal, elsewhere lines.

    present: the names of the sites that are there now.
    """

    def __init__(
        self, console: Console, title: str, present: Callable[[], set[str]] = lambda: set()
    ) -> None:
        super().__init__(console, "rounds")
        self._title, self._present = title, present
        self._state = "starting"
        self._measure = "score"
        self._sites: dict[str, SiteRow] = {}
        self._run = ""
        self._bytes = {"down": 0, "up": 0}

    def tell(self, event: dict[str, Any]) -> None:
        """Take note of an event of the server."""
        kind = event["event"]
        if kind == "serving":
            self._state = f"at {event['listen']}"
            self.say(f"Serving {self._state}.")
        elif kind == "starting":
            self._state = "starting"
            self.say(str(event["text"]))
        elif kind == "waiting":
            text = f"for {', '.join(event['for'])}: {_progress_of_wait(event)}"
            self._state = f"waiting {text}"
            self.say(f"Waiting {text}.")
        elif kind == "joined":
            self._site(event["site"])
            self.say(f"{event['site']} has joined.")
        elif kind == "refused":
            self.say(f"{event['site']} was refused: {event['why']}")
        elif kind == "prepared":
            self._show_preparation(event)
        elif kind == "round":
            self._take_round(event)
        elif kind == "finished":
            self._state = "finished"
            self.say("The study is finished.")
        elif kind != "failed" and "text" in event:
            self.say(str(event["text"]))

    def _show_preparation(self, event: dict[str, Any]) -> None:
        """What is asked of the samples, and the columns as they were understood."""
        self.say(event["asked"])
        if event["columns"]:
            self.console.print(columns_table(event["columns"], ColumnRow._fields))
        for sentence in event["sentences"]:
            self.say(sentence)

    def _take_round(self, event: dict[str, Any]) -> None:
        self._state = "training"
        for way in self._bytes:
            self._bytes[way] += event.get(f"bytes_{way}", 0)
        missed = {*event.get("dropped", []), *event.get("rejected", [])}
        for name in {*self._sites, *missed}:
            self._site(name).missed += name in missed
        self._measure = event.get("measure", self._measure)
        for name, text in event.get("texts", {}).items():
            self._site(name).score = text
        for name in event.get("hidden", []):
            self._site(name).score = "hidden"
        self._draw_run(event)
        if not self.console.is_terminal:
            self.say(_sentence(event, missed))

    def _draw_run(self, event: dict[str, Any]) -> None:
        title = f"{event['method']}, seed {event['seed']}"
        if title != self._run:
            self.hide(self._run)
            self._run = title
        note = f"{units.size(self._bytes['down'])} down, {units.size(self._bytes['up'])} up"
        if "epsilon" in event:
            note += f", epsilon {units.epsilon(event['epsilon'])}"
        self.bar(title, title, event["t"], event["rounds"], note)

    def _site(self, name: str) -> SiteRow:
        return self._sites.setdefault(name, SiteRow())

    def above(self) -> Iterable[RenderableType]:
        """What study this is, and what it does."""
        yield Text(f"{self._title}   {self._state}", style="bold")

    def below(self) -> Iterable[RenderableType]:
        """A row for each site."""
        here = self._present()
        table = Table("site", "here", self._measure, "missed", box=None, pad_edge=False)
        for name in sorted({*self._sites, *here}):
            site = self._sites.get(name, SiteRow())
            there = "yes" if name in here else "no"
            table.add_row(Text(name), there, site.score, str(site.missed))
        yield table


def _progress_of_wait(event: dict[str, Any]) -> str:
    """How many sites have come or answered, of how many that are needed."""
    if "answers" in event:
        return f"{event['answers']} answers so far, {event['least']} needed"
    return f"{event['here']} here, {event['least']} needed"


def _sentence(event: dict[str, Any], missed: set[str]) -> str:
    """A round in a line."""
    parts = [f"{event['method']}, seed {event['seed']}, round {event['t']}/{event['rounds']}"]
    parts.append(f"{event['answers']} answers")
    if missed:
        parts.append(f"without {', '.join(sorted(missed))}")
    if event.get("mean"):
        parts.append(f"{event['measure']} {event['mean']}")
    if event.get("hidden"):
        parts.append(f"{event['measure']} hidden by {', '.join(event['hidden'])}")
    if "epsilon" in event:
        parts.append(f"epsilon {units.epsilon(event['epsilon'])}")
    if "diverged" in event:
        parts.append(str(event["diverged"]))
    return "; ".join(parts) + "."
