"""What is searched of the methods of a study, and what of a search makes no sense."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from unalike.core.penalty import RULE, VARIANCES
from unalike.errors import InputError, unknown
from unalike.methods import METHODS
from unalike.tuning.search_space import SearchSpace, search_space
from unalike.tuning.settings import Tuning

from .method_settings import build_method

Settings = Mapping[str, Mapping[str, Any]]
"""Hyper-parameters by label."""

FIRST_TRIAL_SEED = 1_000_000
"""Seeds of trials begin here, those of reported runs end before."""


def space_of(label: str, settings: Settings, tuning: Tuning) -> SearchSpace:
    """What is searched of a method: its ranges and the user's, without what the user has fixed.

    Raises:
        InputError: a range of the user's makes no sense.
    """
    given = settings.get(label, {})
    chosen = (tuning.chosen or {}).get(label, {})
    fixed = {k: v for k, v in given.items() if k != "method" and k not in chosen}
    if given.get(RULE) == VARIANCES:
        fixed.setdefault("lam", VARIANCES)
    return search_space(
        METHODS[given.get("method", label)],
        label,
        fixed=fixed,
        ranges=tuning.ranges.get(label, {}),
        trials=tuning.trials,
    )


def without_chosen(settings: Settings, chosen: Settings) -> dict[str, dict[str, Any]]:
    """The settings as the user gave them, before a search chose the others."""
    kept = {
        label: {k: v for k, v in given.items() if k not in chosen.get(label, {})}
        for label, given in settings.items()
    }
    return {label: given for label, given in kept.items() if given}


def fixed_sentences(tuning: Tuning | None, labels: Iterable[str], settings: Settings) -> list[str]:
    """Which settings a search leaves alone because the user has given them, and which methods."""
    if tuning is None:
        return []
    found, given = [], without_chosen(settings, tuning.chosen or {})
    for label in labels:
        fixed = [f"{k} = {v}" for k, v in given.get(label, {}).items() if k != "method"]
        if fixed:
            stay = "is given and stays as it is" if len(fixed) == 1 else "are given and stay"
            found.append(f"{label}: {', '.join(fixed)} {stay}; the search leaves it alone.")
        if not space_of(label, settings, tuning).axes:
            found.append(f"{label}: nothing of it is searched, so it is untuned.")
    return found


def check_tuning(
    tuning: Tuning | None,
    *,
    labels: Iterable[str],
    settings: Settings,
    validation: float,
    seeds: int,
) -> None:
    """Whether the search of a study can be done.

    Raises:
        InputError: it cannot.
    """
    if tuning is None:
        return
    if validation == 0:
        raise InputError(
            "tuning: trials are judged on validation samples, and validation = 0 leaves none: "
            "give it a share, such as 0.1."
        )
    if seeds > FIRST_TRIAL_SEED:
        raise InputError(
            f"tuning: seeds = {seeds:,}: those from {FIRST_TRIAL_SEED:,} on are for trials; take "
            "fewer."
        )
    labels = list(labels)
    for label in tuning.ranges:
        if label not in labels:
            raise unknown("method under tuning.ranges", label, labels)
    for label in labels:
        space = space_of(label, settings, tuning)
        given = dict(settings.get(label, {}))
        cls = METHODS[given.pop("method", label)]
        for end in ("low", "high"):
            for axis in space.axes:
                build_method(cls, {**given, axis.name: getattr(axis, end)}, label)
