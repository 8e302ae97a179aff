"""One part of a study's runs: what one task of an array job does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from unalike.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`, counted from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def part(self, runs: Sequence[T]) -> list[T]:
        """Its runs, out of all runs of the study; every run is in exactly one part."""
        return list(runs[self.number - 1 :: self.count])


WHOLE = Shard(1, 1)


def parse_shard(text: str | None) -> Shard:
    """The part written as "i/n"; the whole study where nothing is given.

    Raises:
        InputError: it is written otherwise, or there is no such part.
    """
    if text is None:
        return WHOLE
    found = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", str(text))
    shard = Shard(*map(int, found.groups())) if found else None
    if shard is None or not 1 <= shard.number <= shard.count:
        raise InputError(
            f"--shard {text}: write I/N with I from 1 to N, as in 2/3 for the second of three "
            "parts."
        )
    return shard
