"""What an entry of the ledger is: a published table with its protocol, and what it claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Settings = Mapping[str, Any]
"""All that decides a run besides its seed, as plain values that JSON can hold."""
Where = tuple[str, str]
"""A row and a column of a table."""


class Run(NamedTuple):
    """One training of a protocol."""

    row: str
    seed: int
    settings: Settings


@dataclass(frozen=True)
class Cell:
    """A number that somebody has printed.

    Ours is inside where the mean over seeds differs from it by the published spread at most, or
    by the tolerance where none was published.
    """

    row: str
    column: str
    value: float
    spread: float | None = None  # the published standard deviation
    tolerance: float | None = None  # where no spread is published
    origin: Literal["published", "reference"] = "published"
    """A reference is somebody's own run of the published recipe, and no published number."""

    @property
    def width(self) -> float:
        """By how much ours may differ."""
        if self.spread is not None:
            return self.spread
        return 0.0 if self.tolerance is None else self.tolerance


class Best(NamedTuple):
    """A row that is the best of several, as where a step size was swept."""

    row: str
    of: tuple[str, ...]
    column: str  # the lowest mean wins; a row without a value has failed


class Measured:
    """What the runs of an entry gave: one value for each row, column and seed."""

    def __init__(self, values: Mapping[Where, list[float]]) -> None:
        self._values = values

    @property
    def rows(self) -> set[str]:
        """The rows of which at least one run is done."""
        return {row for row, _ in self._values}

    def has(self, row: str, column: str) -> bool:
        """Whether a run gave this value."""
        return (row, column) in self._values

    def seeds(self, row: str) -> int:
        """How many runs of the row are done."""
        return max((len(each) for (one, _), each in self._values.items() if one == row), default=0)

    def each(self, row: str, column: str) -> NDArray[np.float64]:
        """The values of all seeds: [seeds]."""
        return np.asarray(self._values[row, column], np.float64)

    def mean(self, row: str, column: str) -> float:
        """Over seeds."""
        return float(self.each(row, column).mean())

    def deviation(self, row: str, column: str) -> float | None:
        """The standard deviation over seeds, with n - 1; None for a single one."""
        each = self.each(row, column)
        return float(each.std(ddof=1)) if len(each) > 1 else None


@dataclass(frozen=True)
class Claim:
    """What a source says of its figure or table beyond single numbers."""

    statement: str
    holds: Callable[[Measured], bool]
    rows: tuple[str, ...]  # which it is about


@dataclass(frozen=True)
class PublishedTable:
    """A table or figure that has been published, and how it is run again."""

    name: str
    title: str
    source: str
    protocol: str
    columns: Mapping[str, str]  # what the numbers of each are
    runs: tuple[Run, ...]
    measure: Callable[[Settings, int, str | None], Mapping[str, float]]
    """Of a run's settings, its seed and the folder of the data: the columns of its row."""
    cpu_minutes: float  # foretold, of all runs together
    cells: tuple[Cell, ...] = ()
    claims: tuple[Claim, ...] = ()
    best: tuple[Best, ...] = ()  # further rows
    differs: tuple[str, ...] = ()
    left_out: str = ""  # numbers that are not compared, and why
    reasons: Mapping[Where, str] = field(default_factory=dict)  # known ones, of cells outside
    data: tuple[str, ...] = ()  # the data sets whose files it needs
    digits: int = 2

    @property
    def rows(self) -> tuple[str, ...]:
        """All rows, in their order."""
        return tuple(dict.fromkeys(run.row for run in self.runs))

    def shortened(self, seeds: int = 1, **settings: Any) -> PublishedTable:
        """The same entry with fewer seeds, and with these settings where a run has them."""
        kept = [run for row in self.rows for run in [r for r in self.runs if r.row == row][:seeds]]
        return replace(
            self,
            runs=tuple(
                run._replace(
                    settings={key: settings.get(key, value) for key, value in run.settings.items()}
                )
                for run in kept
            ),
        )


def runs_of(
    rows: Mapping[str, Settings], seeds: range | tuple[int, ...], **all_rows: Any
) -> tuple[Run, ...]:
    """The runs of each row for each seed, with settings that all rows share."""
    return tuple(
        Run(row, seed, {**all_rows, **settings}) for row, settings in rows.items() for seed in seeds
    )
