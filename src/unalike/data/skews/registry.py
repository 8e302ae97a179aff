"""All kinds of skew by name, from what a study says to what it does to a federation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import ValidationError

from unalike.data.federated_data import Data
from unalike.data.splits import SPLITS
from unalike.errors import InputError, unknown
from unalike.functional.settings_types import reason

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
            given = parse_skew(entry)
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
            found[kind] = build_skew(kind, given)
        elif kind in SPLITS:
            split = {"split": kind, **given}
        else:
            raise unknown("skew", kind, [*KINDS, *SPLITS])
    return ParsedSkews(tuple(found[kind] for kind in KINDS if kind in found), split)


def parse_skew(text: str) -> dict[str, Any]:
    """KIND or KIND:NAME=VALUE,NAME=VALUE as plain values.

    Raises:
        InputError: it is written in another way.
    """
    kind, colon, rest = text.partition(":")
    given: dict[str, Any] = {"kind": kind.strip()}
    for pair in rest.split(",") if colon else ():
        name, equals, value = pair.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise InputError(
                f"skew {text!r}: write KIND or KIND:NAME=VALUE,NAME=VALUE, as in noise:level=0.3."
            )
        given[name.strip()] = _number(value.strip())
    return given


def _number(text: str) -> int | float | str:
    """The number that a text stands for, or the text."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def build_skew(kind: str, given: Mapping[str, Any]) -> Skew:
    """A skew of this kind, its settings checked.

    Raises:
        InputError: an unknown setting, or a value that makes no sense.
    """
    cls = KINDS[kind]
    known = [name for name in cls.model_fields if name != "kind"]
    try:
        return cls.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise unknown(f"setting of the skew {kind}", name, known) from None
        raise InputError(f"Skew {kind}: {name} = {first['input']!r}: {reason(first)}.") from None


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
