"""All kinds of skew by name, from what a study says to what it does to a federation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from unalike.data.federated_data import Data
from unalike.data.splits import SPLITS
from unalike.errors import InputError, unknown
from unalike.specification import parse_specification, validate_kind

from .concept import Permutation, Swap
from .feature_skews import FEATURE
from .resampling import Label, Quantity
from .skew import ResamplingSkew, Skew, TransformSkew, joint_groups
from .teachers import Teachers
from .temporal_skews import Arrival, FeatureDrift, LabelDrift, TemporalSkew, with_windows

KINDS: dict[str, type[Skew]] = {
    cls.model_fields["kind"].default: cls
    for cls in (
        Label,
        Quantity,
        Teachers,
        LabelDrift,
        Arrival,
        Permutation,
        Swap,
        *FEATURE,
        FeatureDrift,
    )
}
"""In the order in which they apply, whatever the order in which they are given."""


class ParsedSkews(NamedTuple):
    """What a list of skews comes to."""

    skews: tuple[Skew, ...]  # in the order in which they apply
    split: dict[str, Any]  # the split and its options, where the list names one


def parse_skews(entries: Any) -> ParsedSkews:
    """Skews from a list of names, such as "noise:level=0.3", tables with a `kind`, and skews.

    An entry may also name a split, such as "natural" or {"kind": "dirichlet", "alpha": 0.1}; the
    name "quantity" is that of the skew.

    Raises:
        InputError: an unknown kind or setting, a value that makes no sense, a kind given twice.
    """
    if isinstance(entries, (str, Mapping, Skew)):
        entries = [entries]
    if not isinstance(entries, Iterable):
        raise InputError(f'skew = {entries!r}: give a list, such as skew = ["rotation"].')
    found: dict[str, Skew] = {}
    split: dict[str, Any] = {}
    for entry in entries:
        if isinstance(entry, Skew):
            given: dict[str, Any] = entry.model_dump()
        elif isinstance(entry, str):
            given = parse_specification(entry, "skew", "noise:level=0.3")
        elif isinstance(entry, Mapping) and isinstance(entry.get("kind"), str):
            given = dict(entry)
        else:
            raise InputError(
                f'skew {entry!r}: give a name, such as "rotation", or a table with a kind, such '
                'as {kind = "noise", level = 0.3}.'
            )
        kind = given.pop("kind")
        if kind in found:
            raise InputError(f"The skew {kind!r} is given twice: give each kind once.")
        if kind in SPLITS and kind not in KINDS and split:
            raise InputError(
                f"{split['split']!r} and {kind!r} are both splits, and samples are dealt only "
                "once: give one of them."
            )
        if kind in KINDS:
            found[kind] = validate_kind(KINDS, {"kind": kind, **given}, "skew")
        elif kind in SPLITS:
            split = {"split": kind, **given}
        else:
            raise unknown("skew", kind, [*KINDS, *SPLITS])
    return ParsedSkews(tuple(found[kind] for kind in KINDS if kind in found), split)


def resampling_skews(skews: Iterable[Skew]) -> list[ResamplingSkew]:
    """Those that decide what clients keep of what they are dealt."""
    return [skew for skew in skews if isinstance(skew, ResamplingSkew)]


def with_skews(federation: Data, skew: Any, *, seed: int = 0) -> Data:
    """The clients of a federation made unlike by all of these skews; the federation stays.

    Skews are drawn for all clients, those that never train included, and hold for all samples of a
    client: training, validation and test. An official test set stays as it is.

    Raises:
        InputError: as `parse_skews`, a skew that these samples cannot have, or one that is drawn
            when samples are dealt.
    """
    skews, split = parse_skews(skew)
    if split or resampling_skews(skews):
        name = split.get("split") or resampling_skews(skews)[0].kind
        raise InputError(
            f"The skew {name!r} is drawn when samples are dealt to clients: give it to "
            "Federation.from_arrays(..., skew=...)."
        )
    return apply_skews(federation, skews, seed=seed)


def apply_skews(federation: Data, skews: tuple[Skew, ...], *, seed: int) -> Data:
    """The federation with the skews that change samples, in their order."""
    if not skews:
        return federation
    truths = list(federation.truth)
    known = [federation.groups] if federation.groups is not None and not truths else []
    in_time = [skew for skew in skews if isinstance(skew, TemporalSkew)]
    if in_time and federation.window is not None:
        raise InputError("The samples of this federation come in windows already.")
    for skew in skews:
        if skew in in_time[:1]:
            federation = with_windows(federation, in_time, seed=seed)
        if isinstance(skew, TransformSkew):
            federation, truth = skew.transform(federation, seed=seed)
            truths += [] if truth is None else [truth]
    groups = joint_groups([*known, *(truth.group for truth in truths)])
    sentences = (*federation.skews, *(skew.sentence() for skew in skews))
    return replace(federation, truth=tuple(truths), groups=groups, skews=sentences)
