"""What settings of a study must hold together, beyond the type and bounds of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unalike.data.skews.registry import parse_skews
from unalike.data.splits import SPLITS
from unalike.errors import InputError, unknown
from unalike.privacy import Privacy
from unalike.robust import Rule, rule_text
from unalike.specification import parse_specification

SPLIT_OPTIONS = tuple(
    dict.fromkeys(option.name for split in SPLITS.values() for option in split.options)
)
"""Settings of a study that are options of its split."""


def skews_and_split(values: Mapping[str, Any]) -> dict[str, Any]:
    """The skews of the settings given, and the split where their list names one.

    Raises:
        InputError: an unknown skew or option, or two ways to deal samples.
    """
    skews, split = parse_skews(values["skew"])
    both = [name for name in split if name in values]
    if both:
        raise InputError(
            f"{both[0]} = {values[both[0]]!r} beside the skew {split['split']!r}: say how "
            "samples are dealt once, by the split or in the list of skews."
        )
    if not split:
        return {"skew": skews}
    return {**_own_options(split.pop("split"), split), "skew": skews}


def split_and_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """The split NAME:OPTION=VALUE,... by its name, and its options.

    Raises:
        InputError: it is written in another way, or has no such option.
    """
    given = parse_specification(values["split"], "split", "dirichlet:alpha=0.1")
    return _own_options(given.pop("kind"), given)


def _own_options(split: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """A split and its options: those that a study has a setting for, and `split_settings`."""
    known = [option.name for option in SPLITS[split].options] if split in SPLITS else []
    own = {name: value for name, value in options.items() if name not in SPLIT_OPTIONS}
    for name in own:
        if name not in known:
            raise unknown(f"setting of the split {split}", name, known or SPLIT_OPTIONS)
    shared = {name: value for name, value in options.items() if name in SPLIT_OPTIONS}
    return {"split": split, **shared, **({"split_settings": own} if own else {})}


def check_privacy(privacy: Privacy | None, *, weights: str, sampling: str) -> None:
    """Central privacy counts on one client being able to move the sum by a fixed length only.

    Raises:
        InputError: these weights, or this sampling, let a client move it further.
    """
    if privacy is None or privacy.kind != "central":
        return
    if weights != "uniform":
        raise InputError(
            f"Central privacy cannot be had with weights = {weights!r}, which tell sizes and "
            "let some clients move the mean further than others: set weights = 'uniform'."
        )
    if sampling != "A":
        raise InputError(
            f"Central privacy cannot be had with sampling = {sampling!r}, where a client may "
            "count more than once: set sampling = 'A'."
        )


def check_cohort(cohort: float) -> float:
    """A share of the clients, or a whole number of them.

    Raises:
        ValueError: it is neither.
    """
    if cohort > 1 and cohort != int(cohort):
        raise ValueError("give a share up to 1, or a whole number of clients above 1")
    return cohort


def check_robust(robust: Rule | None, privacy: Privacy | None) -> None:
    """A robust rule looks at the answers that privacy hides.

    Raises:
        InputError: both are asked for.
    """
    if robust is not None and privacy is not None:
        raise InputError(
            f"robust = {rule_text(robust)!r} looks at each answer, and {privacy.kind} privacy "
            "hides each answer: give one of the two."
        )


def check_classes(classes: tuple[str, ...] | None, *, data: str) -> None:
    """Names of classes are for sites' own samples, and each is named once.

    Raises:
        InputError: they are not.
    """
    if classes is None:
        return
    if data != "own":
        raise InputError(
            "classes are named where sites bring samples of their own (data = 'own'), and "
            f"{data!r} has names already: leave them out."
        )
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise InputError(
            f"classes = {list(classes)}: name each class once, and at least two of them."
        )
