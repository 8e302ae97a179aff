"""Which sites are there: nodes come and go, a site keeps its name and its place."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from unalike import __version__
from unalike.errors import InputError
from unalike.network.protocol.messages import Parcel, pack
from unalike.network.protocol.run_config import told
from unalike.study.roster import Roster, SampleFormat
from unalike.study.settings import Study

from .admission import Description, place_of, usual
from .requests import Answer, Failure, Post

Tell = Callable[[dict[str, Any]], None]

SECONDS = 120.0
"""In which a node must describe itself; then it is asked again."""
REST = 10.0
"""Seconds after which a node that could not answer is asked again."""


@dataclass(frozen=True)
class Terms:
    """How the server deals with sites; the package says what each means."""

    sites: int = 0
    least: int = 0
    deadline: float = 600.0
    patience: float = 86_400.0
    grace: float = 60.0
    poll: float = 0.5
    excess: float = 100.0
    baselines: bool = True
    keys: str = ""


class Attendance:
    """The sites of a federation and the nodes at which they are now."""

    def __init__(
        self,
        study: Study,
        roster: Roster,
        post: Post,
        terms: Terms,
        tell: Tell,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """about: what sites are told of the federation's purpose beside the study."""
        self._about = dict(about or {})
        self.study, self.roster, self.post, self.terms = study, roster, post, terms
        self.tell = tell
        self.nodes: dict[int, int] = {}  # place -> node
        self._keys = {name: int(node) for name, node in json.loads(terms.keys or "{}").items()}
        self._marks: dict[int, str] = {}  # node -> the mark of its site
        self._described: dict[int, SampleFormat] = {}  # place -> what its samples are like
        self._closed: set[int] = set()  # nodes that are not asked again
        self._resting: dict[int, float] = {}  # node -> when it is asked again
        self._asked: dict[str, int] = {}  # message -> node
        self._since = 0.0

    @property
    def places(self) -> range:
        """All places, empty ones too."""
        return range(len(self.roster.places))

    @property
    def least(self) -> int:
        """Sites without which no round begins."""
        everybody = len(self.places)
        return min(self.terms.least, everybody) if self.terms.least > 0 else everybody

    def name(self, place: int) -> str:
        """The site of a place."""
        site = self.roster.places[place]
        return site.name if site else f"place {place + 1}"

    def missing(self) -> list[str]:
        """The places whose sites are not there."""
        return [self.name(place) for place in self.places if place not in self.nodes]

    def refresh(self) -> None:
        """See who has come and who has gone; unknown nodes are asked who they are."""
        there = set(self.post.grid.get_node_ids())
        self.nodes = {place: node for place, node in self.nodes.items() if node in there}
        self._closed &= there
        self._take_in(there)
        if time.monotonic() - self._since > SECONDS:
            self._asked.clear()
        now = time.monotonic()
        resting = {node for node, until in self._resting.items() if until > now}
        busy = {*self.nodes.values(), *self._asked.values(), *self._closed, *resting}
        unknown = there - busy
        if unknown:
            facts = {"version": __version__, "study": told(self.study), **self._about}
            question = pack("describe", facts)
            self._since = time.monotonic()
            letters = dict.fromkeys(sorted(unknown), question)
            self._asked |= self.post.send(letters, seconds=SECONDS)
            self._take_in(there)

    def gather(self) -> None:
        """Wait for all sites, after `grace` seconds for `least` of them; then settle places."""
        begun = time.monotonic()

        def enough() -> bool:
            late = time.monotonic() - begun >= self.terms.grace
            return len(self.nodes) >= (self.least if late else len(self.places))

        self.wait(enough)
        while self._settle():
            self.wait(lambda: len(self.nodes) >= self.least)

    def wait(self, enough: Callable[[], bool]) -> None:
        """Come back when there are enough sites.

        Raises:
            InputError: there are not within `patience` seconds.
        """
        begun, said = time.monotonic(), -1
        while True:
            self.refresh()
            if enough():
                return
            if time.monotonic() - begun > self.terms.patience:
                raise InputError(
                    f"Only {len(self.nodes)} of {len(self.places)} sites were there within "
                    f"{self.terms.patience:g} seconds; missing: {', '.join(self.missing())}. "
                    "Start them and go on with the same study."
                )
            if said != len(self.nodes):
                said = len(self.nodes)
                self.say_waiting(self.missing())
            time.sleep(self.terms.poll)

    def ask(self, letters: dict[int, Parcel], what: str) -> dict[int, Parcel]:
        """The answers of those places whose sites are there and answer before the deadline."""
        at = {place: self.nodes[place] for place in letters if place in self.nodes}
        found = self.post.ask(
            {node: letters[place] for place, node in at.items()}, seconds=self.terms.deadline
        )
        answers: dict[int, Parcel] = {}
        for place, node in at.items():
            answer = found.get(node)
            if isinstance(answer, Parcel):
                answers[place] = answer
                if answer.facts.get("lost"):
                    self._remark(
                        f"{self.name(place)} no longer has its private state of round "
                        f"{answer.facts['lost']} and has begun anew."
                    )
            elif answer is not None:
                self._remark(f"{what}: {self.name(place)} failed: {answer.why}")
            else:
                self._remark(f"{what}: {self.name(place)} did not answer in time.")
        return answers

    def collect(self, letters: dict[int, Parcel], what: str) -> dict[int, Parcel]:
        """The answers by place, of at least as many sites as are needed.

        Raises:
            InputError: there are too few for too long.
        """
        begun = time.monotonic()
        self.wait(lambda: len(self.nodes) >= self.least)
        needed = min(self.least, len(letters))
        answers: dict[int, Parcel] = {}
        while True:
            left = {place: letter for place, letter in letters.items() if place not in answers}
            answers |= self.ask(left, what)
            if len(answers) >= needed:
                return answers
            silent = [self.name(place) for place in left if place not in answers]
            if time.monotonic() - begun > self.terms.patience:
                raise InputError(
                    f"{what}: {len(answers)} of at least {needed} sites answered within "
                    f"{self.terms.patience:g} seconds. Look after {', '.join(silent)}, and "
                    "go on with the same study."
                )
            self.say_waiting(silent)
            time.sleep(self.terms.poll)
            self.refresh()

    def _remark(self, text: str) -> None:
        self.tell({"event": "remark", "text": text})

    def say_waiting(self, names: list[str]) -> None:
        """Say aloud for whom the server waits."""
        here = len(self.nodes)
        self.tell({"event": "waiting", "for": names, "here": here, "least": self.least})

    def _take_in(self, there: set[int]) -> None:
        for node, answer in self.post.fetch(self._asked).items():
            if node in there:
                self._admit(node, answer)

    def _admit(self, node: int, answer: Answer) -> None:
        if isinstance(answer, Failure):
            self._resting[node] = time.monotonic() + (math.inf if answer.lasting else REST)
            self._remark(f"Node {node} did not say who it is: {answer.why}")
            return
        try:
            description = Description.of(answer.facts)
            self._named_as_its_key(description.site.name, node)
            place = place_of(description, self.roster, self.study.data)
            self._alone(description, place)
        except InputError as error:
            self._refuse(node, str(answer.facts.get("name", f"node {node}")), str(error))
            return
        site, known = description.site, self.roster.places[place]
        if self.roster.dealt and known is not None:
            site = replace(known, mark=site.mark)
        if known is not None and known.mark not in ("", site.mark):
            self._remark(f"{site.name} has come with another state folder than before.")
        if description.samples is not None:
            self._described[place] = description.samples
        before = self.nodes.get(place)
        if before is not None:
            self._closed.add(before)
        self.nodes[place], self._marks[node] = node, site.mark
        self.roster.places[place] = site
        self.roster.write()
        self.tell({"event": "joined", "site": site.name})

    def _named_as_its_key(self, name: str, node: int) -> None:
        """Where sites have keys, nobody joins under the name of another."""
        if self._keys and self._keys.get(name) != node:
            owners = [owner for owner, its_node in self._keys.items() if its_node == node]
            raise InputError(
                f"This site's key is {f'that of {owners[0]}' if owners else 'unknown'}, so it "
                f"cannot join as {name}."
            )

    def _alone(self, description: Description, place: int) -> None:
        """Refuse a second site of one name; the same site may come back through another node."""
        other = self.nodes.get(place)
        if other is not None and self._marks.get(other) != description.site.mark:
            raise InputError(
                f"{self.name(place)} is there already: give this site another --name (or "
                "--client), or stop the other one."
            )

    def _refuse(self, node: int, name: str, why: str) -> None:
        self._closed.add(node)
        self.tell({"event": "refused", "site": name, "why": why})
        self.post.send({node: pack("refuse", {"why": why})}, seconds=SECONDS)

    def _settle(self) -> bool:
        """Before the first round: what the samples are like, and places in the order of names.

        Returns whether sites had to be refused, so that there may be too few.
        """
        roster = self.roster
        if roster.dealt or roster.begun:
            return False
        roster.samples, misfits = usual(self._described)
        for place, why in misfits.items():
            self._refuse(self.nodes.pop(place), self.name(place), why)
            del self._described[place]
            roster.places[place] = None
        if misfits:
            return True
        order = sorted(self.places, key=lambda i: (roster.places[i] is None, self.name(i)))
        roster.places = [roster.places[i] for i in order]
        self.nodes = {order.index(place): node for place, node in self.nodes.items()}
        roster.begun = True
        roster.write()
        return False
