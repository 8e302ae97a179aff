"""What was registered in this process, to be taken back or to travel to another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .catalogues import CATALOGUES, STANDARD


class Registration(NamedTuple):
    """An entry of a catalogue that did not come with unalike."""

    kind: str
    name: str
    value: Any


def registered() -> list[Registration]:
    """All of them."""
    return [
        Registration(kind, name, value)
        for kind, catalogue in CATALOGUES.items()
        for name, value in catalogue.items()
        if name not in STANDARD[kind]
    ]


def install(registrations: Iterable[Registration]) -> None:
    """Put entries that came from another process into the catalogues, in place of older ones."""
    for kind, name, value in registrations:
        if name not in STANDARD[kind]:
            CATALOGUES[kind][name] = value


def restore(before: list[Registration]) -> None:
    """Bring the catalogues back to what `registered` said before."""
    kept = {(one.kind, one.name) for one in before}
    for kind, name, _ in registered():
        if (kind, name) not in kept:
            del CATALOGUES[kind][name]
    install(before)
