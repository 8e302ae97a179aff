"""Who may take part: a site's description beside the study and its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from unalike import __version__
from unalike.data.reading.label_evidence import MOST_CLASSES
from unalike.errors import InputError
from unalike.network.protocol.preparation import SampleDescription
from unalike.network.protocol.site_names import is_site_name, shown
from unalike.study.roster import Roster, Site

from .sample_format import unlike_the_others

MAX_SAMPLES = 10**12
"""That any site can have."""
MAX_MARK = 200
"""Letters by which a site is known again."""


@dataclass(frozen=True)
class SiteDescription:
    """What a site says of itself."""

    site: Site
    client: int | None  # of a study that deals its own data
    samples: SampleDescription | None  # of a site that brings its own

    @staticmethod
    def of(facts: dict[str, Any]) -> SiteDescription:
        """From the facts of an answer.

        Raises:
            InputError: it is no description, or that of another version.
        """
        name, version = str(facts.get("name")), facts.get("version")
        if not is_site_name(name):
            raise InputError(
                f"A site calls itself {shown(name)}: give it a --name of letters, digits, dots, "
                "dashes and underscores."
            )
        if version != __version__:
            raise InputError(
                f"The server runs unalike {__version__} and {name} {shown(version)}: "
                "install the same version."
            )
        try:
            if len(mark := str(facts["mark"])) > MAX_MARK:
                raise ValueError
            site = Site(name, mark)
            if facts["client"] is not None:
                return SiteDescription(site, int(facts["client"]), None)
            train, validation, test = (int(size) for size in facts["sizes"])
            cuts = tuple(tuple(map(int, cut)) for cut in facts.get("cuts", ()))
            counts = {str(name): int(count) for name, count in facts["label_counts"].items()}
            if len(counts) > MOST_CLASSES or not all(
                0 <= n <= MAX_SAMPLES for n in (train, validation, test, *counts.values())
            ):
                raise ValueError
            total = train + validation + test
            if any(len(cut) != 3 or min(cut) < 0 or sum(cut) != total for cut in cuts):
                raise ValueError
            site = Site(name, mark, train, validation, test, counts, cuts=cuts)
            return SiteDescription(site, None, SampleDescription.model_validate(facts["samples"]))
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError, ValidationError):
            raise InputError("A site did not describe itself.") from None


def place_of(description: SiteDescription, roster: Roster, data: str) -> int:
    """The place of a site; `data` is the study's.

    Raises:
        InputError: it cannot take part; one sentence says why.
    """
    count = len(roster.places)
    if roster.dealt:
        if description.client is None:
            raise InputError(
                f"This study deals {data!r} to its sites: join with --client, or let the study "
                'say data = "own".'
            )
        if not 0 <= description.client < count:
            raise InputError(
                f"There is no client {description.client}: the study has 0 to {count - 1}."
            )
        return description.client
    if description.samples is None:
        raise InputError("The sites of this study bring their own samples: join with --data.")
    if roster.begun and roster.samples is not None:
        why = unlike_the_others(description.samples, roster.samples)
        if why is not None:
            raise InputError(why)
    place = roster.row(description.site.name)
    if place is not None:
        return place
    free = [i for i, other in enumerate(roster.places) if other is None]
    if not free:
        names = ", ".join(site.name for site in roster.places if site)
        raise InputError(f"All {count} places of this federation are taken, by {names}.")
    return free[0]
