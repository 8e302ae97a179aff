"""A measure as one value: its name, its direction, its unit, and how it is computed.

Everything that compares or prints a measure asks the measure: which of two values is better, what
a gain is called, how an axis is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NOTHING = "-"
"""Printed where a number does not exist."""


@dataclass(frozen=True)
class Unit:
    """How numbers are written."""

    suffix: str = ""  # behind a value
    difference_suffix: str = ""  # behind a difference
    scale: float = 1.0  # numbers are multiplied by it
    decimals: int | None = None  # None: three significant digits
    ticks: str = "~g"  # format of an axis, as d3 has it

    def number(self, value: float, *, signed: bool = False) -> str:
        """Without suffix; a difference that rounds to zero has no sign."""
        sign = "+" if signed else ""
        scaled = self.scale * value
        if self.decimals is None:
            return _significant(scaled, sign)
        text = f"{scaled:{sign}.{self.decimals}f}"
        return f"{0:.{self.decimals}f}" if float(text) == 0 else text

    def text(self, value: float) -> str:
        """0.9134 -> "91.3 %" for shares."""
        return NOTHING if math.isnan(value) else self.number(value) + self.suffix

    def difference(self, value: float, *, signed: bool = True) -> str:
        """0.031 -> "+3.1 points" for shares."""
        if math.isnan(value):
            return NOTHING
        return self.number(value, signed=signed) + self.difference_suffix

    @property
    def note(self) -> str:
        """Behind what a column of values is said to be: " (%)" for shares."""
        return f" ({self.suffix.strip()})" if self.suffix else ""

    @property
    def difference_note(self) -> str:
        """Behind what a column of differences is said to be: " (points)" for shares."""
        return f" ({self.difference_suffix.strip()})" if self.difference_suffix else ""


SHARE = Unit(" %", " points", 100.0, 1, ".0%")
NUMBER = Unit()


@dataclass(frozen=True)
class Axis:
    """How a figure shows a measure."""

    title: str
    low: float  # bounds of what the measure can be; infinite where it has none
    high: float
    ticks: str  # format, as d3 has it


@dataclass(frozen=True)
class Measure:
    """One number that says how good predictions are."""

    name: str  # as in tables and settings: "balanced_accuracy"
    title: str  # as in sentences: "balanced accuracy"
    higher_is_better: bool
    how: Callable[..., Any]
    """Its value [groups] from the `Sums` of its task; or see `of_samples`."""
    unit: Unit = NUMBER
    bounds: tuple[float, float] = (-math.inf, math.inf)
    over_groups: str = ""
    """What its value for a union of groups is, where it is not that of all their samples."""
    heading: str = ""  # in tables; the title where it is not given
    column: str = ""  # of a result's table; the name where it is not given
    meaning: str = ""  # in a sentence
    formula: str = ""
    of_samples: bool = False
    """Whether `how` is a function (output [n, ...], truth [n, ...]) -> number of one group's."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "heading", self.heading or self.title)
        object.__setattr__(self, "column", self.column or self.name)

    @property
    def capitalised(self) -> str:
        """Its title as a sentence begins with it."""
        return self.title[0].upper() + self.title[1:]

    def key(self, value: Any) -> Any:
        """Smaller is better: for sorting, and for choosing."""
        return -value if self.higher_is_better else value

    def best(self, *values: Any) -> Any:
        """The better of values, element by element; NaN where one is."""
        pick = np.maximum if self.higher_is_better else np.minimum
        found = values[0]
        for value in values[1:]:
            found = pick(found, value)
        return found

    def gain(self, value: Any, reference: Any) -> Any:
        """By how much a value is better than a reference; below zero it is worse.

        NaN where both are infinite, as of two models that diverged.
        """
        with np.errstate(invalid="ignore"):
            return self.key(reference) - self.key(value)

    def text(self, value: float) -> str:
        """A value with its unit."""
        return self.unit.text(value)

    def gain_text(self, gain: float) -> str:
        """A gain in its natural form: "+3.1 points", or "RMSE 0.31 lower"."""
        if math.isnan(gain):
            return NOTHING
        if self._by_points:
            return self.unit.difference(gain)
        return f"{self.title} {self._moved(gain)}"

    def interval_text(self, low: float, high: float) -> str:
        """An interval of gains: "+1.0 to +5.2 points", or "0.9 higher to 5.2 lower"."""
        if self._by_points:
            return f"{self.unit.number(low, signed=True)} to {self.unit.difference(high)}"
        return f"{self._moved(low)} to {self._moved(high)}"

    @property
    def axis(self) -> Axis:
        """How a figure shows its values."""
        return Axis(self.title, *self.bounds, self.unit.ticks)

    @property
    def _by_points(self) -> bool:
        return self.higher_is_better and self.unit == SHARE

    def _moved(self, gain: float) -> str:
        size = self.unit.difference(abs(gain), signed=False)
        if float(self.unit.number(abs(gain))) == 0:
            return f"{size} apart"
        return f"{size} {'higher' if (gain > 0) == self.higher_is_better else 'lower'}"


def _significant(value: float, sign: str) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:{sign}.3g}" if value else "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:{sign}.3g}" if decimals > 6 else f"{value:{sign}.{decimals}f}"
