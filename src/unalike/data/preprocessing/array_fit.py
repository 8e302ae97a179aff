"""Preprocessing of arrays, fitted from what clients tell: ranges, exact sums and histograms.

    [n, d]                     each of the d numbers is scaled by itself
    [n, steps, d]              each of the d numbers by itself, all steps together
    [n, channels, h, w], ...   pictures are brought to [0, 1] by their type or range

The shape stays as it is: whoever brings an array brings a network for its shape.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from unalike.errors import InputError

from .array_preprocessing import ArrayPreprocessing, entries, feature_axis
from .exact_sums import Grid, grid, mean_and_deviation, total, total_of_squares
from .exchange import exchange
from .ranks import Interval, find_quartiles, histogram, summed
from .settings import Scale

ArrayFit = Generator["ArrayQuery", Mapping[str, "ArrayAnswer"], ArrayPreprocessing]
BITS = {8: 255.0, 16: 65535.0}
HALF_RANGE = 128
"""Numbers from 0 to between this and 255 are taken for pixels of eight bits."""
SINGLE = 2**24


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(_Value):
    """From where to where the entries of each feature reach, at one client or several."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    shape: tuple[int, ...]  # of one sample
    count: NonNegativeInt  # entries of each feature
    low: tuple[int | float, ...]
    high: tuple[int | float, ...]
    whole: bool  # all entries are whole numbers
    integers: bool  # their type is one of whole numbers
    bits: Literal[0, 8, 16]  # of unsigned whole numbers


class ArrayQuery(_Value):
    """One question to every client."""

    stage: Literal["range", "totals", "ranks"]
    grids: tuple[Grid, ...] = ()
    intervals: dict[str, tuple[Interval, ...]] = {}  # by feature


class ArrayAnswer(_Value):
    """What one client tells; only what was asked for is filled in."""

    range: Range | None = None  # None where a client holds no sample
    total: tuple[int, ...] = ()
    squares: tuple[int, ...] = ()
    histograms: dict[str, tuple[tuple[NonNegativeInt, ...], ...]] = {}


def answer_array(x: npt.NDArray[Any], query: ArrayQuery) -> ArrayAnswer:
    """What a client tells of its training samples [n, ...].

    Raises:
        InputError: entries that are not finite.
    """
    table = entries(x)
    if query.stage == "range":
        return ArrayAnswer(range=_range(x, table) if len(x) else None)
    if query.stage == "totals":
        steps = [one.steps(column) for one, column in zip(query.grids, table.T, strict=True)]
        return ArrayAnswer(
            total=tuple(total(column) for column in steps),
            squares=tuple(total_of_squares(column) for column in steps),
        )
    return ArrayAnswer(
        histograms={
            name: tuple(
                tuple(histogram(query.grids[int(name)].steps(table[:, int(name)]), one))
                for one in intervals
            )
            for name, intervals in query.intervals.items()
        }
    )


def _range(x: npt.NDArray[Any], table: npt.NDArray[Any]) -> Range:
    refuse_not_finite(x)
    integers = x.dtype.kind in "iub"
    whole = integers or bool((table == np.floor(table)).all())
    unsigned = x.dtype.kind == "u" and x.dtype.itemsize <= 2
    return Range(
        shape=x.shape[1:],
        count=len(table),
        low=tuple(value.item() for value in table.min(0)),
        high=tuple(value.item() for value in table.max(0)),
        whole=whole,
        integers=integers,
        bits=0 if not unsigned else 8 if x.dtype.itemsize == 1 else 16,
    )


def refuse_not_finite(x: npt.NDArray[Any]) -> None:
    """NaN and infinite entries of samples [n, ...] in one sentence."""
    finite = np.isfinite(x).reshape(len(x), -1).all(1)
    if not finite.all():
        raise InputError(
            f"x holds NaN or infinite values in {np.count_nonzero(~finite)} of {len(x)} samples, "
            f"first in sample {finite.argmin()}: fill them in or leave these samples out; in a "
            "table or data frame missing numbers are imputed."
        )


def fit_array(scale: Scale) -> ArrayFit:
    """Ask clients until the preprocessing of their arrays is fitted.

    Raises:
        InputError: one sentence says what has to change.
    """
    told = yield ArrayQuery(stage="range")
    found = _together({who: one.range for who, one in told.items() if one.range is not None})
    pictures = len(found.shape) >= 3
    if scale == "none":
        return _as_it_is(found)
    if scale == "auto" and pictures:
        known = _pixels(found)
        if known is not None:
            return known
    whole = found.integers
    grids = tuple(
        grid(low, high, whole=whole) for low, high in zip(found.low, found.high, strict=True)
    )
    if scale == "robust":
        return (yield from _robust(found, grids))
    told = yield ArrayQuery(stage="totals", grids=grids)
    moments = [
        mean_and_deviation(
            found.count,
            sum(one.total[j] for one in told.values() if one.total),
            sum(one.squares[j] for one in told.values() if one.squares),
        )
        for j in range(len(grids))
    ]
    return _scaled(
        found,
        [one.length(mean) for one, (mean, _) in zip(grids, moments, strict=True)],
        [one.length(1) * spread for one, (_, spread) in zip(grids, moments, strict=True)],
        "minus its mean, over its standard deviation",
    )


def fit_arrays(parts: Mapping[str, npt.NDArray[Any]], scale: Scale) -> ArrayPreprocessing:
    """Fit on the training samples of clients whose arrays are all here."""

    def answers(query: ArrayQuery) -> dict[str, ArrayAnswer]:
        return {name: answer_array(x, query) for name, x in parts.items()}

    return exchange(fit_array(scale), answers)


def _robust(
    found: Range, grids: tuple[Grid, ...]
) -> Generator[ArrayQuery, Mapping[str, ArrayAnswer], ArrayPreprocessing]:
    ends = {
        str(j): int(one.steps(np.array([high]))[0])
        for j, (one, high) in enumerate(zip(grids, found.high, strict=True))
    }
    search = find_quartiles(ends, dict.fromkeys(ends, found.count))
    try:
        intervals = next(search)
        while True:
            told = yield ArrayQuery(stage="ranks", grids=grids, intervals=intervals)
            intervals = search.send(summed([one.histograms for one in told.values()]))
    except StopIteration as done:
        quartiles = [done.value[str(j)] for j in range(len(grids))]
    return _scaled(
        found,
        [one.length(middle) for one, (_, middle, _) in zip(grids, quartiles, strict=True)],
        [one.length(last - first) for one, (first, _, last) in zip(grids, quartiles, strict=True)],
        "minus its median, over its quartile range",
    )


def _together(told: Mapping[str, Range]) -> Range:
    if not told:
        raise InputError("No client holds a training sample.")
    whose = sorted(told)
    first = told[whose[0]]
    for who in whose:
        if told[who].shape != first.shape or told[who].bits != first.bits:
            raise InputError(
                f"The samples of client {who!r} are of shape {told[who].shape} and "
                f"{told[who].bits or 'other'} bits, those of client {whose[0]!r} of shape "
                f"{first.shape} and {first.bits or 'other'} bits: bring them to one form."
            )
    return Range(
        shape=first.shape,
        count=sum(one.count for one in told.values()),
        low=tuple(min(values) for values in zip(*(o.low for o in told.values()), strict=True)),
        high=tuple(max(values) for values in zip(*(o.high for o in told.values()), strict=True)),
        whole=all(one.whole for one in told.values()),
        integers=all(one.integers for one in told.values()),
        bits=first.bits,
    )


def _pixels(found: Range) -> ArrayPreprocessing | None:
    """Pictures by their type or range; None where neither says what 1 is."""
    low, high = min(found.low), max(found.high)
    if low >= 0 and high <= 1:
        return ArrayPreprocessing(said="Pixels lie between 0 and 1 already.")
    if found.bits:
        return ArrayPreprocessing(
            divisor=BITS[found.bits],
            said=f"Pixels of {found.bits} bits are divided by {BITS[found.bits]:.0f}.",
        )
    if low >= -1 and high <= 1:
        return ArrayPreprocessing(said="Pixels lie between -1 and 1 and stay as they are.")
    if low >= 0 and HALF_RANGE <= high <= BITS[8]:
        return ArrayPreprocessing(
            divisor=BITS[8],
            said=f"Pixels reach from {low:g} to {high:g}: taken for eight bits, divided by 255.",
        )
    return None


def _as_it_is(found: Range) -> ArrayPreprocessing:
    if found.integers and len(found.shape) < 3:
        return ArrayPreprocessing(
            integers=True, said="Whole numbers stay whole numbers, unscaled (scale = none)."
        )
    for j, (low, high) in enumerate(zip(found.low, found.high, strict=True)):
        largest = max(abs(low), abs(high))
        if (
            low != high
            and largest > SINGLE
            and (found.whole or high - low < largest / SINGLE * 1e3)
        ):
            raise InputError(
                f"Feature {j} of x holds numbers up to {largest:,}, which single precision cannot "
                'tell apart without scaling: leave scale="auto", or subtract a constant first.'
            )
    return ArrayPreprocessing(said="Numbers are not scaled (scale = none).")


def _scaled(found: Range, offset: list[float], spread: list[float], how: str) -> ArrayPreprocessing:
    what = {1: "number of a sample", 2: "number of a step"}.get(len(found.shape), "channel")
    return ArrayPreprocessing(
        axis=feature_axis(len(found.shape) + 1),
        low=found.low,
        offset=tuple(offset),
        scale=tuple(one if one > 0 else 1.0 for one in spread),
        said=f"Each {what} is scaled: {how}.",
    )
