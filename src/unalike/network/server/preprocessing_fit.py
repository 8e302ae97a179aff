"""The preprocessing of sites' own samples, fitted from what they tell.

The server asks what a simulation asks, and the answers are the same whole numbers, so both end in
the same preprocessing, bit for bit. Sites that hide their columns take what the others' gave.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from unalike import __version__
from unalike.data.preprocessing.answer_checks import check_array_answer, check_table_answer
from unalike.data.preprocessing.array_fit import ArrayAnswer, ArrayQuery, fit_array
from unalike.data.preprocessing.exchange import exchange
from unalike.data.preprocessing.preprocessing import Preprocessing
from unalike.data.preprocessing.table_fit import fit_table
from unalike.data.preprocessing.table_queries import TableAnswer, TableQuery, text_must_stay
from unalike.data.target_scaling import as_target_scale, target_queries
from unalike.errors import InputError
from unalike.network.protocol.messages import Message, pack
from unalike.network.protocol.preparation import FIT, About, Part
from unalike.network.protocol.run_description import settings_for_sites
from unalike.study.roster import Roster, SampleFormat
from unalike.tasks import TargetScale

from .sites import ConnectedSites

Query = TypeVar("Query", TableQuery, ArrayQuery)
Told = TypeVar("Told", TableAnswer, ArrayAnswer)


class _IncompleteError(Exception):
    """Somebody who has answered one question has no answer to the next."""


class Fitted(NamedTuple):
    """How raw samples become numbers, and the scale of what is asked, where it has one."""

    preprocessing: Preprocessing
    target_scale: TargetScale | None


def fit_preprocessing(
    sites: ConnectedSites, roster: Roster, seed: int, part: Part = "training"
) -> Fitted:
    """What follows from the samples of all sites that are there and tell.

    Raises:
        InputError: nobody tells, too few sites answer for too long, or columns cannot be used.
    """
    samples = roster.samples
    if samples is None:
        raise InputError("No site has described its samples yet.")
    start = time.monotonic()
    while (fitted := _attempt(fitting := _Fit(sites, roster, samples, seed, part))) is None:
        if fitting.refused:
            start = time.monotonic()
        elif time.monotonic() - start > sites.settings.patience:
            raise InputError(
                f"The preprocessing was not fitted within {sites.settings.patience:g} seconds: "
                "sites that began to answer went away. Go on with the same study."
            )
    return fitted


def _attempt(fitting: _Fit) -> Fitted | None:
    """What follows from the sites' answers; None where one of them went away in between."""
    samples = fitting.samples
    try:
        found: Preprocessing = (
            exchange(fit_table(samples.settings), fitting.ask_tables)
            if samples.columns
            else exchange(fit_array(samples.settings.scale), fitting.ask_arrays)
        )
        scaled = samples.question.has_unit and fitting.sites.study.target_scale != "none"
        scale = exchange(target_queries(), fitting.ask_targets) if scaled else None
        return Fitted(found, None if scale is None else as_target_scale(samples.question, scale))
    except _IncompleteError as reason:
        fitting.sites.remark(f"The preprocessing is fitted anew: {reason}")
        return None


class _Fit:
    """The questions of one fit to the sites that answered the first of them."""

    def __init__(
        self, sites: ConnectedSites, roster: Roster, samples: SampleFormat, seed: int, part: Part
    ) -> None:
        self.sites, self.roster, self.samples = sites, roster, samples
        self._facts: dict[str, Any] = {
            "version": __version__,
            "study": settings_for_sites(sites.study),
            "seed": seed,
            "part": part,
        }
        self._places: list[int] | None = None
        self.refused = False

    def ask_tables(self, query: TableQuery) -> Mapping[str, TableAnswer]:
        if query.stage == "texts":
            raise text_must_stay([plan.name for plan in query.plan])
        columns = set(self.samples.columns)
        return self._ask(
            query, TableAnswer, lambda told, rows: check_table_answer(query, told, columns, rows)
        )

    def ask_arrays(self, query: ArrayQuery) -> Mapping[str, ArrayAnswer]:
        shape = self.samples.shape
        return self._ask(
            query, ArrayAnswer, lambda told, rows: check_array_answer(query, told, shape, rows)
        )

    def ask_targets(self, query: ArrayQuery) -> Mapping[str, ArrayAnswer]:
        shape = (self.samples.classes,)
        return self._ask(
            query,
            ArrayAnswer,
            lambda told, rows: check_array_answer(query, told, shape, rows),
            about="targets",
        )

    def _ask(
        self,
        query: BaseModel,
        form: type[Told],
        check: Callable[[Told, int], str | None],
        about: About = "features",
    ) -> dict[str, Told]:
        """The answers by the names of sites."""
        facts = {"query": query.model_dump(mode="json"), "about": about, "task": self.samples.task}
        answers = self._answers(facts)
        told = {}
        for place, answer in answers.items():
            if answer.facts.get("hidden"):
                continue
            try:
                found = form.model_validate(answer.facts.get("answer"))
                why = check(found, self._rows(place))
            except ValidationError:
                why = "it cannot be read"
            if why is not None:
                self.sites.refuse(place, f"What this site told of its columns is not used: {why}.")
                self.refused = True
                raise _IncompleteError(f"{self.sites.name(place)} was refused.")
            told[place] = found
        if not told:
            raise InputError(
                "No site tells anything of its columns (--hide-columns), so nobody can say how "
                "samples become numbers: at least one has to join without that option."
            )
        self._places = list(told)
        return {self.sites.name(place): one for place, one in told.items()}

    def _answers(self, asked: dict[str, Any]) -> dict[int, Message]:
        places = self.sites.places if self._places is None else self._places
        requests = {
            place: pack(FIT, {**self._facts, **asked, "start": self._start(place)})
            for place in places
        }
        if self._places is None:
            return self.sites.request_from_enough(requests, "Preprocessing")
        answers = self.sites.request(requests, "Preprocessing")
        silent = [self.sites.name(place) for place in places if place not in answers]
        if silent:
            self.sites.refresh()
            raise _IncompleteError(f"{', '.join(silent)} did not answer.")
        return answers

    def _rows(self, place: int) -> int:
        """How many samples of a site are asked about, by what it said when it came."""
        site = self.roster.places[place]
        if site is None:
            return 0
        trains = site.sizes(self._facts["seed"])["train"]
        return trains if self._facts["part"] == "training" else site.samples

    def _start(self, place: int) -> int:
        site = self.roster.places[place]
        return 0 if site is None else site.start
