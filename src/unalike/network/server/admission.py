"""Who may take part: a site's description beside those of the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from unalike import __version__
from unalike.errors import InputError
from unalike.study.roster import Roster, SampleFormat, Site
from unalike.tasks import TASKS


@dataclass(frozen=True)
class SiteDescription:
    """What a site says of itself."""

    site: Site
    client: int | None  # of a study that deals its own data
    samples: SampleFormat | None  # of a site that brings its own

    @staticmethod
    def of(facts: dict[str, Any]) -> SiteDescription:
        """From the facts of an answer.

        Raises:
            InputError: it is no description, or that of another version.
        """
        version = facts.get("version")
        if version != __version__:
            raise InputError(
                f"The server runs unalike {__version__} and {facts.get('name')} {version}: "
                "install the same version."
            )
        try:
            site = Site(str(facts["name"]), str(facts["mark"]))
            if facts["client"] is not None:
                return SiteDescription(site, int(facts["client"]), None)
            train, validation, test = (int(size) for size in facts["sizes"])
            counts = tuple(int(count) for count in facts["label_counts"])
            site = replace(site, train=train, validation=validation, test=test, label_counts=counts)
            shape = tuple(int(size) for size in facts["shape"])
            if facts["task"] not in TASKS:
                raise ValueError
            classes, columns = int(facts["classes"]), str(facts["columns"])
            y_shape = tuple(int(size) for size in facts["y_shape"])
            samples = SampleFormat(shape, classes, facts["task"], columns, y_shape)
            return SiteDescription(site, None, samples)
        except (KeyError, TypeError, ValueError):
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
    if roster.begun:
        _check_fit(description, roster.samples)
    place = roster.row(description.site.name)
    if place is not None:
        return place
    free = [i for i, other in enumerate(roster.places) if other is None]
    if not free:
        names = ", ".join(site.name for site in roster.places if site)
        raise InputError(f"All {count} places of this federation are taken, by {names}.")
    return free[0]


def common_samples(described: dict[int, SampleFormat]) -> tuple[SampleFormat, dict[int, str]]:
    """What most sites' samples are like, with all classes, and place -> why it does not fit."""
    forms = Counter((samples.shape, samples.task) for samples in described.values())
    (shape, task), _ = max(forms.items(), key=lambda form: form[1])
    fitting = [s for s in described.values() if (s.shape, s.task) == (shape, task)]
    column_counts = Counter(samples.columns for samples in fitting if samples.columns)
    columns = max(column_counts.items(), key=lambda form: form[1])[0] if column_counts else ""
    most = max(fitting, key=lambda samples: samples.classes)
    common = replace(most, columns=columns)
    reasons = {place: _misfit(samples, common) for place, samples in described.items()}
    return common, {place: why for place, why in reasons.items() if why}


def _check_fit(description: SiteDescription, common: SampleFormat | None) -> None:
    if common is None or description.samples is None:
        return
    why = _misfit(description.samples, common)
    if why:
        raise InputError(why)
    if description.samples.classes > common.classes:
        raise InputError(
            f"{description.site.name} holds class {description.samples.classes - 1}, but training "
            f"was begun with classes 0 to {common.classes - 1}."
        )


def _misfit(samples: SampleFormat, common: SampleFormat) -> str | None:
    """Why these samples cannot be put beside the others'; None where they can."""
    if (samples.shape, samples.task) != (common.shape, common.task):
        return (
            f"Samples of shape {list(samples.shape)} ({samples.task}) do not fit this "
            f"federation's, which are {list(common.shape)} ({common.task})."
        )
    if samples.columns and common.columns and samples.columns != common.columns:
        return (
            "The feature columns of this site's table have other names, or another order, than "
            "those of the other sites: bring them into the same order everywhere."
        )
    return None
