"""Sums over clients that do not depend on who holds which row, nor on any order.

The values of a column are counted in steps of 2^e from the smallest one, at most 2^52 of them, so
that sums and sums of squares are whole numbers and exact. Clients tell these; added up they are
the very numbers of all rows in one place, on every machine. The rounding of a value to its step is
2^-52 of the column's range or less, and none for whole numbers whose range is below 2^52.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

BITS = 52
_LIMB = 26
_MASK = (1 << _LIMB) - 1
_SMALLEST = -1074

Steps = npt.NDArray[np.int64]


class Grid(NamedTuple):
    """The steps in which a column is counted."""

    low: int | float
    exponent: int
    whole: bool

    def steps(self, values: npt.NDArray[Any]) -> Steps:
        """Values from low on [...] -> whole numbers of steps, 0 to 2^52: [...]."""
        if self.whole:
            return (self.away(values) >> np.uint64(self.exponent)).astype(np.int64)
        above = values.astype(np.float64) - float(self.low)
        return np.rint(np.ldexp(above, -self.exponent)).astype(np.int64)

    def away(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
        """How far whole numbers lie above low, without overflow: [...]."""
        return values.astype(np.int64).view(np.uint64) - np.uint64(int(self.low) % 2**64)

    def length(self, steps: Fraction | int) -> float:
        """Steps as a difference in the column's own unit."""
        return math.ldexp(float(steps), self.exponent)


def grid(low: int | float, high: int | float, *, whole: bool) -> Grid:
    """The finest steps of which at most 2^52 reach from low to high."""
    if whole:
        return Grid(int(low), max(0, (int(high) - int(low)).bit_length() - BITS), True)
    spread = float(high) - float(low)
    exponent = math.frexp(spread)[1] - BITS if spread else 0
    return Grid(float(low), max(exponent, _SMALLEST), False)


def total(steps: Steps) -> int:
    """The exact sum of whole numbers 0 to 2^53 [n]."""
    return (int((steps >> _LIMB).sum()) << _LIMB) + int((steps & _MASK).sum())


def total_of_squares(steps: Steps) -> int:
    """The exact sum of the squares of whole numbers 0 to 2^52 [n]."""
    above, below = steps >> _LIMB, steps & _MASK
    return (
        (total(above * above) << 2 * _LIMB)
        + (total(above * below) << _LIMB + 1)
        + total(below * below)
    )


def mean_and_deviation(count: int, total: int, squares: int) -> tuple[Fraction, float]:
    """Mean, and standard deviation over all samples (divided by their number), in steps."""
    variance = Fraction(count * squares - total * total, count * count)
    return Fraction(total, count), math.sqrt(variance)
