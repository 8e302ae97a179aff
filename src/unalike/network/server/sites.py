"""Which sites are there: nodes come and go, a site keeps its name and its place."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unalike import __version__
from unalike.errors import InputError
from unalike.network.protocol.messages import Message, pack
from unalike.network.protocol.preparation import SampleDescription
from unalike.network.protocol.run_description import settings_for_sites
from unalike.network.protocol.site_names import is_site_name
from unalike.study.roster import Roster
from unalike.study.settings import Study

from .admission import SiteDescription, place_of
from .events import EventHandler, remark
from .pending_answers import PendingAnswers
from .requests import Answer, Failure, Requests
from .sample_format import common_format
from .server_settings import ServerSettings
from .size_limits import size_limits

DESCRIBE_SECONDS = 120.0
"""In which a node must describe itself; then it is asked again."""
RETRY_SECONDS = 10.0
"""After which a node that could not answer is asked again."""


class ConnectedSites:
    """The sites of a federation and the nodes at which they are now."""

    def __init__(
        self,
        study: Study,
        roster: Roster,
        requests: Requests,
        settings: ServerSettings,
        on_event: EventHandler,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """facts: what sites are told of the federation's purpose beside the study."""
        self.study, self.roster, self.requests = study, roster, requests
        self.settings, self.on_event = settings, on_event
        self.nodes: dict[int, int] = {}  # place -> node
        self._facts = dict(facts or {})
        self._marks: dict[int, str] = {}  # node -> the mark of its site
        self._samples: dict[int, SampleDescription] = {}  # place -> what its samples are like
        self._prepared: set[tuple[int, int]] = set()  # node and seed: who knows the preparation
        self._limited: set[str] = set()  # sites whose weight has a limit, as was said
        self._excluded: set[int] = set()  # nodes that are not asked again
        self._retry_at: dict[int, float] = {}  # node -> when it is asked again
        self._pending = PendingAnswers(requests.grid)  # of nodes asked who they are
        self._pending_since = 0.0

    @property
    def places(self) -> range:
        """All places, empty ones too."""
        return range(len(self.roster.places))

    @property
    def required(self) -> int:
        """Sites without which no round begins."""
        everybody = len(self.places)
        return min(self.settings.least, everybody) if self.settings.least > 0 else everybody

    def name(self, place: int) -> str:
        """The site of a place."""
        site = self.roster.places[place]
        return site.name if site else f"place {place + 1}"

    def missing(self) -> list[str]:
        """The places whose sites are not there."""
        return [self.name(place) for place in self.places if place not in self.nodes]

    def remark(self, text: str) -> None:
        """Say something that people should know."""
        self.on_event(remark(text))

    def refresh(self) -> None:
        """See who has come and who has gone; unknown nodes are asked who they are."""
        connected = set(self.requests.grid.get_node_ids())
        self.nodes = {place: node for place, node in self.nodes.items() if node in connected}
        self._excluded &= connected
        self._receive_descriptions(connected)
        now = time.monotonic()
        if now - self._pending_since > DESCRIBE_SECONDS:
            self._pending = PendingAnswers(self.requests.grid)
        waiting = {node for node, retry_at in self._retry_at.items() if retry_at > now}
        known = {*self.nodes.values(), *self._pending.nodes, *self._excluded, *waiting}
        unknown = connected - known
        if unknown:
            facts = {"version": __version__, "study": settings_for_sites(self.study), **self._facts}
            self._pending_since = time.monotonic()
            requests = dict.fromkeys(sorted(unknown), pack("describe", facts))
            self._pending.add(self.requests.push(requests, seconds=DESCRIBE_SECONDS))
            self._receive_descriptions(connected)

    def wait_for_all(self) -> None:
        """Wait for all sites, after `grace` seconds for `least` of them; then settle places."""
        start = time.monotonic()

        def enough() -> bool:
            late = time.monotonic() - start >= self.settings.grace
            return len(self.nodes) >= (self.required if late else len(self.places))

        self.wait_until(enough)
        while self._refuse_misfits():
            self.wait_until(lambda: len(self.nodes) >= self.required)
        self._settle_places()

    def wait_until(self, enough: Callable[[], bool]) -> None:
        """Come back when there are enough sites.

        Raises:
            InputError: there are not within `patience` seconds.
        """
        start, last_count = time.monotonic(), -1
        while True:
            self.refresh()
            if enough():
                return
            if time.monotonic() - start > self.settings.patience:
                raise InputError(
                    f"Only {len(self.nodes)} of {len(self.places)} sites were there within "
                    f"{self.settings.patience:g} seconds; missing: {', '.join(self.missing())}. "
                    "Start them and go on with the same study."
                )
            if last_count != len(self.nodes):
                last_count = len(self.nodes)
                self.on_event(
                    {
                        "event": "waiting",
                        "for": self.missing(),
                        "here": len(self.nodes),
                        "least": self.required,
                    }
                )
            time.sleep(self.settings.poll)

    def request(self, requests: dict[int, Message], purpose: str) -> dict[int, Message]:
        """The answers of those places whose sites are there and answer before the deadline."""
        nodes = {place: self.nodes[place] for place in requests if place in self.nodes}
        received = self.requests.send_and_receive(
            {node: requests[place] for place, node in nodes.items()},
            seconds=self.settings.deadline,
        )
        answers: dict[int, Message] = {}
        for place, node in nodes.items():
            answer = received.get(node)
            self._note_preparation(node, requests[place], answered=isinstance(answer, Message))
            if isinstance(answer, Message):
                answers[place] = answer
                if answer.facts.get("lost"):
                    self.remark(
                        f"{self.name(place)} no longer has its private state of round "
                        f"{answer.facts['lost']} and has begun anew."
                    )
            elif answer is not None:
                self.remark(f"{purpose}: {self.name(place)} failed: {answer.why}")
            else:
                self.remark(f"{purpose}: {self.name(place)} did not answer in time.")
        return answers

    def weighing_sizes(self, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The training samples that places weigh by: those told [places], up to a limit.

        Of a site far larger than the others it is said once. Sizes that the study dealt are known.
        """
        if self.roster.dealt:
            return sizes
        limits = size_limits(sizes, self.settings.max_size_ratio)
        for place in np.flatnonzero(sizes > limits).tolist():
            if self.name(place) not in self._limited:
                self._limited.add(self.name(place))
                self.remark(
                    f"{self.name(place)} tells of {sizes[place]:,} training samples, "
                    f"{sizes[place] / limits[place] * self.settings.max_size_ratio:,.0f} times the "
                    f"median of the other sites, and weighs like {limits[place]:,}. If it is so "
                    "large, say so with --max-size-ratio."
                )
        return np.minimum(sizes, limits)

    def is_prepared(self, place: int, seed: int) -> bool:
        """Whether the site of a place has answered since it was told how to prepare its samples."""
        return (self.nodes.get(place, -1), seed) in self._prepared

    def _note_preparation(self, node: int, request: Message, *, answered: bool) -> None:
        run = request.facts.get("run")
        if run is None:
            return
        if answered:
            self._prepared.add((node, run["seed"]))
        else:
            self._prepared = {known for known in self._prepared if known[0] != node}

    def request_from_enough(self, requests: dict[int, Message], purpose: str) -> dict[int, Message]:
        """The answers by place, of at least as many sites as are needed.

        Raises:
            InputError: there are too few for too long.
        """
        start = time.monotonic()
        self.wait_until(lambda: len(self.nodes) >= self.required)
        needed = min(self.required, len(requests))
        answers: dict[int, Message] = {}
        pause = self.settings.poll
        while True:
            left = {place: sent for place, sent in requests.items() if place not in answers}
            answers |= self.request(left, purpose)
            if len(answers) >= needed:
                return answers
            silent = [self.name(place) for place in left if place not in answers]
            if time.monotonic() - start > self.settings.patience:
                raise InputError(
                    f"{purpose}: {len(answers)} of at least {needed} sites answered within "
                    f"{self.settings.patience:g} seconds. Look after {', '.join(silent)}, and "
                    "go on with the same study."
                )
            self.on_event(
                {"event": "waiting", "for": silent, "answers": len(answers), "least": needed}
            )
            time.sleep(pause)
            pause = min(2 * pause, RETRY_SECONDS)
            self.refresh()

    def _receive_descriptions(self, connected: set[int]) -> None:
        for node, answer in self.requests.receive(self._pending).items():
            if node in connected:
                self._admit(node, answer)

    def _admit(self, node: int, answer: Answer) -> None:
        if isinstance(answer, Failure):
            pause = math.inf if answer.lasting else RETRY_SECONDS
            self._retry_at[node] = time.monotonic() + pause
            self.remark(f"Node {node} did not say who it is: {answer.why}")
            return
        try:
            description = SiteDescription.of(answer.facts)
            self._check_key(description.site.name, node)
            place = place_of(description, self.roster, self.study.data)
            self._check_only_one(description, place)
        except InputError as error:
            name = str(answer.facts.get("name"))
            self._refuse(node, name if is_site_name(name) else f"node {node}", str(error))
            return
        site, known = description.site, self.roster.places[place]
        if self.roster.dealt and known is not None:
            site = replace(known, mark=site.mark)
        elif self.roster.begun:
            start = self.roster.start_of(place) if known is None else known.start
            site = replace(site, start=start)
        if known is not None and known.mark not in ("", site.mark):
            self.remark(f"{site.name} has come with another state folder than before.")
        if description.samples is not None:
            self._samples[place] = description.samples
        former_node = self.nodes.get(place)
        if former_node is not None:
            self._excluded.add(former_node)
        self.nodes[place], self._marks[node] = node, site.mark
        self.roster.places[place] = site
        self.roster.write()
        self.on_event({"event": "joined", "site": site.name})

    def _check_key(self, name: str, node: int) -> None:
        """Where sites have keys, nobody joins under the name of another."""
        admitted = self.settings.node_ids()
        if self.settings.keys and admitted.get(name) != node:
            owners = [owner for owner, its_node in admitted.items() if its_node == node]
            raise InputError(
                f"This site's key is {f'that of {owners[0]}' if owners else 'unknown'}, so it "
                f"cannot join as {name}."
            )

    def _check_only_one(self, description: SiteDescription, place: int) -> None:
        """Refuse a second site of one name; the same site may come back through another node."""
        other = self.nodes.get(place)
        if other is not None and self._marks.get(other) != description.site.mark:
            raise InputError(
                f"{self.name(place)} is there already: give this site another --name (or "
                "--client), or stop the other one."
            )

    def refuse(self, place: int, why: str) -> None:
        """Go on without the site of a place, for good."""
        self._refuse(self.nodes.pop(place), self.name(place), why)

    def _refuse(self, node: int, name: str, why: str) -> None:
        self._excluded.add(node)
        self.on_event({"event": "refused", "site": name, "why": why})
        self.requests.push({node: pack("refuse", {"why": why})}, seconds=DESCRIBE_SECONDS)

    @property
    def _settled(self) -> bool:
        return self.roster.dealt or self.roster.begun

    def _refuse_misfits(self) -> bool:
        """Before the first round: agree on what samples are like, without those that do not fit.

        Returns whether sites had to be refused, so that there may be too few.
        """
        roster = self.roster
        if self._settled:
            return False
        here = {place: self._samples[place] for place in self.nodes}
        sizes = [site.samples for site in roster.places if site is not None]
        roster.samples, misfits = common_format(here, self.study, sum(sizes))
        for place, why in misfits.items():
            self.refuse(place, why)
            del self._samples[place]
            roster.places[place] = None
        return bool(misfits)

    def _settle_places(self) -> None:
        """Before the first round: places in the order of names."""
        roster = self.roster
        if self._settled:
            return
        order = sorted(self.places, key=lambda i: (roster.places[i] is None, self.name(i)))
        roster.places = [roster.places[i] for i in order]
        self.nodes = {order.index(place): node for place, node in self.nodes.items()}
        roster.settle_starts()
        roster.begun = True
        roster.write()
