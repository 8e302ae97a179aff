"""What is searched of a method: its own ranges, without what the user has fixed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from unalike.core import Method
from unalike.core.search_range import KEY, SearchRange
from unalike.errors import InputError, unknown
from unalike.methods.header import hints_of

from .samplers import Point

EDGE = 0.1
"""A value in the outermost tenth of its range lies at the edge."""


@dataclass(frozen=True)
class Axis:
    """One hyper-parameter with the range in which it is searched."""

    name: str
    low: float
    high: float
    log: bool
    whole: bool  # whether its values are whole numbers
    priority: int
    default: Any  # the method's; None where that follows from other settings

    def value(self, place: float) -> float | int:
        """The value at a place in [0, 1]; a number of three digits, or a whole one."""
        low, high = self._ends
        if self.log:
            found = math.exp(math.log(low) + place * math.log(high / low))
        else:
            found = low + place * (high - low)
        if self.whole:
            return int(min(self.high, max(self.low, round(found))))
        return min(self.high, max(self.low, float(f"{found:.3g}")))

    def place(self, value: float) -> float:
        """Where a value lies: 0 at the lower end, 1 at the upper one."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    @property
    def _ends(self) -> tuple[float, float]:
        """Between which places lie; every whole number gets as much as its neighbours."""
        return (self.low - 0.5, self.high + 0.5) if self.whole else (self.low, self.high)


@dataclass(frozen=True)
class SearchSpace:
    """The axes of a method, the most important first."""

    axes: tuple[Axis, ...]

    def settings(self, point: Point) -> dict[str, float | int]:
        """What a point of the unit cube stands for."""
        return {axis.name: axis.value(at) for axis, at in zip(self.axes, point, strict=True)}

    def at_edge(self, settings: Mapping[str, Any]) -> list[tuple[Axis, str]]:
        """The axes at whose end these settings lie, with "lower" or "upper"."""
        found = []
        for axis in self.axes:
            value = settings.get(axis.name)
            if value is None or value == axis.default:
                continue
            inside = axis.low < value < axis.high
            place = 0.5 if axis.whole and inside else axis.place(value)
            if place < EDGE or place > 1 - EDGE:
                found.append((axis, "lower" if place < EDGE else "upper"))
        return found

    def up_to(self, name: str, high: float) -> SearchSpace:
        """With this upper end of an axis; without the axis where a single value is left of it."""
        narrowed = [replace(axis, high=high) if axis.name == name else axis for axis in self.axes]
        return SearchSpace(tuple(axis for axis in narrowed if axis.low < axis.high))

    @property
    def first(self) -> dict[str, float | int]:
        """The first trial: the method's defaults, as far as the user's ranges hold them."""
        return {
            axis.name: axis.low if axis.default < axis.low else axis.high
            for axis in self.axes
            if axis.default is not None and not axis.low <= axis.default <= axis.high
        }


def search_ranges(cls: type[Method]) -> dict[str, SearchRange]:
    """The ranges that a method's file gives, by the name of the hyper-parameter."""
    return {
        name: part
        for name, hint in hints_of(cls).items()
        for part in get_args(hint)
        if isinstance(part, SearchRange)
    }


def search_space(
    cls: type[Method],
    label: str,
    *,
    fixed: Mapping[str, Any],
    ranges: Mapping[str, tuple[float, float]],
    trials: int,
) -> SearchSpace:
    """What is searched of a method in so many trials: step sizes first.

    fixed: what the user has given, which stays. ranges: the user's own, by name, which are all
    searched; of the method's own as many as the trials can tell apart.

    Raises:
        InputError: a range is of something else than a number, of something that is fixed, or
            contradicts itself.
    """
    known = {field.name: field.default for field in fields(cls)}
    whole = {name: _numbers_of(hint) == {int} for name, hint in hints_of(cls).items()}
    own = search_ranges(cls)
    found = []
    for name, (low, high) in ranges.items():
        _check(cls, label, name, low, high, fixed)
        range_ = own.get(name, SearchRange(low, high, log=low > 0))
        log = range_.log and low > 0
        if log is not range_.log:
            raise InputError(
                f"tuning.ranges.{label}.{name} = [{low:g}, {high:g}]: it is searched on a "
                "logarithmic scale, so it must begin above 0."
            )
        found.append(Axis(name, low, high, log, whole[name], range_.priority, known[name]))
    most = max(2, int(math.log2(trials)) - 1)
    rest = [
        Axis(name, *range_[:3], whole[name], range_.priority, known[name])
        for name, range_ in own.items()
        if name not in fixed and name not in ranges
    ]
    rest = _in_order(rest)
    return SearchSpace(tuple(_in_order([*found, *rest[: max(0, most - len(found))]])))


def _in_order(axes: list[Axis]) -> list[Axis]:
    """A step size, the key hyper-parameter, further step sizes, and what is left."""
    ranked = sorted(axes, key=lambda axis: axis.priority)
    steps = [axis for axis in ranked if axis.priority < KEY]
    others = [axis for axis in ranked if axis.priority >= KEY]
    return [*steps[:1], *others[:1], *steps[1:], *others[1:]]


def _check(
    cls: type[Method],
    label: str,
    name: str,
    low: float,
    high: float,
    fixed: Mapping[str, Any],
) -> None:
    hints, said = hints_of(cls), f"tuning.ranges.{label}.{name}"
    if name not in hints:
        raise unknown(f"setting of {label} under tuning.ranges", name, hints)
    if not _numbers_of(hints[name]):
        raise InputError(f"{said}: {name} is not a number, so no range of it can be searched.")
    if name in fixed:
        raise InputError(
            f"{said}: {name} = {fixed[name]} is given for {label} and stays as it is; leave out "
            "the one or the other."
        )
    if not low < high:
        raise InputError(f"{said} = [{low:g}, {high:g}]: the first must be below the second.")


def _numbers_of(hint: Any) -> set[Any]:
    """{float}, {int} or, of what is no number, nothing; None beside a number is left aside."""
    kinds = _kinds_of(hint) - {type(None)}
    return kinds if kinds <= {int, float} else set()


def _kinds_of(hint: Any) -> set[Any]:
    """The types that a hint is made of: of `Annotated[float | None, Ge(0)]` float and None."""
    if get_origin(hint) is Annotated:
        return _kinds_of(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return {kind for part in get_args(hint) for kind in _kinds_of(part)}
    return {hint}
