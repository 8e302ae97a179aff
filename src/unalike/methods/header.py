"""What a method's file says of itself: the docstring's title, idea, Source, Wire and Ours."""

import re
import sys
from dataclasses import fields
from typing import Any, NamedTuple, get_args, get_type_hints

from unalike.core import Method


class Hyperparameter(NamedTuple):
    """A hyper-parameter."""

    name: str
    default: Any
    meaning: str


class Header(NamedTuple):
    """A method's header."""

    name: str
    title: str
    idea: str
    source: str
    wire: str
    ours: str
    settings: tuple[Hyperparameter, ...]

    @property
    def year(self) -> int | None:
        """The year of the source; None for a baseline without one."""
        found = re.search(r"\b(19|20)\d\d\b", self.source)
        return int(found.group()) if found else None


def header(cls: type[Method]) -> Header:
    """The header of a method's file; ValueError where a part is missing."""
    text = sys.modules[cls.__module__].__doc__ or ""
    found = re.fullmatch(
        r"(?P<title>[^:\n]+): (?P<idea>.+?)\n\nSource  (?P<source>.+?)\nWire    (?P<wire>.+?)\n"
        r"Ours    (?P<ours>.+?)\s*",
        text,
        re.DOTALL,
    )
    if found is None:
        raise ValueError(f"{cls.__module__} needs a docstring with Source, Wire and Ours.")
    parts = {name: " ".join(part.split()) for name, part in found.groupdict().items()}
    return Header(cls.name, settings=_settings(cls), **parts)


def _settings(cls: type[Method]) -> tuple[Hyperparameter, ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple(
        Hyperparameter(
            field.name,
            field.default,
            next((part for part in get_args(hints[field.name]) if isinstance(part, str)), ""),
        )
        for field in fields(cls)
    )
